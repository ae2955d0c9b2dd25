import type { HostFacts, LoadOptions, ModelPackage } from '@soma/spec'
import type { Candidate, DeviceBudget, DeviceEstimate, EngineFacts } from '../selection/facts.ts'
import { rankEngines } from '../selection/rank-engines.ts'
import type { EngineProcess } from './engine-process.ts'

/** What an engine says of itself here, and of what a model takes. */
export interface EngineAnswer extends EngineFacts {
  readonly estimates: readonly DeviceEstimate[]
}

export interface DeviceQuestion {
  readonly pkg: ModelPackage
  readonly options: LoadOptions
  readonly host: HostFacts
  readonly budgets: readonly DeviceBudget[]
}

interface Waits {
  readonly signal: AbortSignal
}

/**
 * Asks for the memory on one device only, the best by all else: to answer, an engine may bind its process to it.
 * @throws {SomaError} what the engine answers.
 */
export async function askEngine(process: EngineProcess, question: DeviceQuestion, waits: Waits): Promise<EngineAnswer> {
  const { pkg, options, host } = question
  const { descriptor } = process
  const support = await process.probe(host, waits)
  if (!support.supported) return { descriptor, support, estimates: [] }
  const { devices } = support
  const isFree = options.device === undefined && devices.length > 1
  const device = isFree ? chosenOf({ descriptor, support, estimates: [] }, question) : options.device
  const memory = await process.estimate(pkg, device === undefined ? options : { ...options, device }, waits)
  return { descriptor, support, estimates: [{ engine: descriptor.id, device: device ?? devices[0] ?? 'cpu', memory }] }
}

/**
 * The device on which a model is loaded where the user named none: the one that `model.explain` calls chosen. Undefined where
 * there is none to choose, so that nothing is asked on a machine without accelerators.
 * @throws {SomaError} what the engine answers.
 */
export async function chooseDevice(process: EngineProcess, question: DeviceQuestion, waits: Waits): Promise<string | undefined> {
  const { options, host } = question
  const { descriptor } = process
  if (options.device !== undefined || descriptor.remote === true || !host.accelerators?.length) return options.device
  const unasked = rankDevices({ descriptor, estimates: [] }, question)
  if (unasked.length < 2) return undefined
  // Asking starts drivers, which takes time and memory on the device: not for a model that is better off without.
  if (unasked[0]?.device === 'cpu' && unasked.every(({ problems }) => problems.length === 0)) return 'cpu'
  const answer = await askEngine(process, question, waits)
  return (answer.support?.devices.length ?? 0) > 1 ? chosenOf(answer, question) : undefined
}

function chosenOf(answer: EngineAnswer, question: DeviceQuestion): string | undefined {
  return rankDevices(answer, question).find(({ chosen }) => chosen)?.device
}

function rankDevices({ descriptor, support, estimates }: EngineAnswer, { pkg, host, budgets }: DeviceQuestion): Candidate[] {
  const { format, task, files } = pkg
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return rankEngines({ package: { format, task, sizeBytes }, engines: [{ descriptor, support }], host, budgets, estimates })
}
