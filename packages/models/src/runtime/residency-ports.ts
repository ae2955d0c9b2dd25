import type { Clock, SomaError } from '@soma/core'
import type { MemoryEstimate } from '@soma/spec'
import type { Bytes } from './budget.ts'
import type { Leaving } from './residency-state.ts'

/** What residency needs of a process that holds a model. */
export interface HoldsModel {
  /** Never rejects. */
  readonly ended: Promise<unknown>
  /** @param reason what calls under way fail with. */
  stop(reason?: SomaError): Promise<unknown>
}

/** What loading will take, and what was made ready to find out. Disposing gives that back. */
export interface Prepared extends AsyncDisposable {
  readonly bytes: Bytes
  readonly smaller?: MemoryEstimate['smaller']
}

export interface LoadedModel<Process> {
  readonly process: Process
  readonly bytes: Bytes
  /** Calls that it runs at once. */
  readonly seats: number
}

export interface Waits {
  readonly signal: AbortSignal
}

export interface ResidencyDeps<Process extends HoldsModel, Ready extends Prepared> {
  readonly clock: Clock
  /** What models may take now, by device. */
  limits(): Bytes
  /** What they may take when nothing else runs on the machine. */
  most(): Bytes
  prepare(model: string, waits: Waits): Promise<Ready>
  /** Takes over what was prepared, if anything. Rejects only when nothing of the model is in memory any more. */
  load(model: string, prepared: Ready | undefined, waits: Waits): Promise<LoadedModel<Process>>
  /** Into the process that it was parked in. */
  reload(model: string, process: Process, waits: Waits): Promise<LoadedModel<Process>>
  /** @returns what the process still takes. */
  park(model: string, process: Process): Promise<Bytes>
  measure(process: Process): Promise<Bytes>
  /** Calls may start; may call `use` at once. */
  opened(model: string, seats: number): void
  closed(model: string): void
  /** Who waits for it waits in vain. */
  refused(model: string, error: SomaError): void
  /** Told of what happened, for events, the log and explanations. */
  loaded?(model: string, loadMs: number, isWarm: boolean): void
  unloaded?(model: string, leaving: Leaving | undefined): void
}

/** The right to use a loaded model; it stays in memory until this is released. */
export interface Lease<Process> {
  readonly process: Process
  /** When its load began and ended. */
  readonly loadBeganAt: number
  readonly readyAt: number
  release(): void
}
