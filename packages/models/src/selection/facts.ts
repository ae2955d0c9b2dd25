import type { Accelerator, EngineDescriptor, EngineSupport, HostFacts, MemoryEstimate } from '@soma/spec'

/** A way to run a model, as `model.explain` shows it. */
export interface Candidate {
  readonly engine: string
  readonly device: string
  /** Larger is better; comparable only within one ranking. */
  readonly score: number
  readonly chosen: boolean
  /** Where it runs; null when the engine was not asked. */
  readonly memoryBytes: number | null
  /** What speaks for it or against it, and what makes it impossible; each one sentence. */
  readonly reasons: string[]
  readonly problems: string[]
}

/** What choosing looks at; nothing else. */
export interface SelectionRequest {
  readonly package: PackageFacts
  /** Most particular first: of two that are otherwise equal the first is taken. */
  readonly engines: readonly EngineFacts[]
  readonly host: HostFacts
  /** What models may take of `memory`, and of each accelerator by its id; the host's own sizes where one is absent. */
  readonly budgets?: readonly DeviceBudget[]
  readonly preference?: Preference
  /** Of the engines and devices that were asked. */
  readonly estimates?: readonly DeviceEstimate[]
}

export interface PackageFacts {
  readonly format: string
  readonly task: string
  /** Of all its files. */
  readonly sizeBytes: number
  /** The engine that its manifest names, or that recognised it. */
  readonly engine?: string | null
}

export interface EngineFacts {
  readonly descriptor: EngineDescriptor
  /** Its answer to `probe`; absent when it was not started yet. */
  readonly support?: EngineSupport | undefined
}

export interface DeviceBudget {
  /** `memory`, or an accelerator's id. */
  readonly device: string
  readonly limitBytes: number
  readonly usedBytes: number
}

/** What the user chose; a choice that cannot be followed leaves no candidate chosen. */
export interface Preference {
  readonly engine?: string | null
  readonly device?: string | null
  /** Whether what is sent to the model may leave this machine. No when absent. */
  readonly allowRemote?: boolean
}

export interface DeviceEstimate {
  readonly engine: string
  readonly device: string
  readonly memory: MemoryEstimate
}

/** One engine on one device, while it is judged. */
export interface Pairing {
  readonly engine: EngineFacts
  readonly device: string
  /** Undefined for the CPU, and for an accelerator that the engine names and the host does not know. */
  readonly accelerator: Accelerator | undefined
  readonly estimate: MemoryEstimate | undefined
}
