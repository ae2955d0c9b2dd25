import { join } from 'node:path'
import { type Log, abortError } from '@soma/core'
import {
  type EngineContext,
  type LoadOptions,
  type LoadedModel,
  type ModelPackage,
  type Signature,
  type TensorSpec,
  packageFile,
} from '@soma/spec'
import { isBatchable, namesBatch } from './batch.ts'
import { type Place, cpu, placeOn } from './devices.ts'
import { loadError, messageOf, unsupportedType } from './errors.ts'
import { BATCH_MAX, ONE_THREAD_BYTES_MAX } from './limits.ts'
import { memoryOf } from './memory.ts'
import { type OnnxSettings, readSettings, sessionOptions } from './options.ts'
import { OnnxRun } from './run.ts'
import type { OrtRuntime, OrtSession } from './runtime.ts'
import { isOrtDtype } from './tensors.ts'

export interface LoadDeps {
  readonly runtime: OrtRuntime
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
  readonly pause: (delayMs: number) => Promise<void>
}

type ValueMetadata = OrtSession['inputMetadata'][number]

/** By its path in the package's folder, not its own: external data is looked for beside the model. */
export async function load(deps: LoadDeps, pkg: ModelPackage, options: LoadOptions, ctx: EngineContext): Promise<LoadedModel> {
  const settings = readSettings(options.settings)
  const { path } = packageFile(pkg, 'model')
  const place = await choosePlace(deps.runtime, options.device ?? 'cpu', settings, ctx.log)
  const { device } = place
  const session = await openSession(deps, path, join(pkg.directory, path), sessionOptions(threadsFor(pkg, options), settings, place))
  try {
    const signature = readSignature(path, session, settings)
    if (ctx.signal.aborted) throw abortError(ctx.signal)
    const batchMax = batchMaxOf(session, signature, settings)
    const run = new OnnxRun(deps, session, signature, { batchMax, batchWindowMs: settings.batchWindowMs, device })
    return {
      signature,
      // The host then sends as many at once.
      concurrency: batchMax,
      infer: (request, ctx) => run.infer(request, ctx),
      ...(device !== 'cpu' && { device }),
      usage: () => ({ ...memoryOf(pkg, device), residentBytes: deps.residentBytes() }),
      [Symbol.asyncDispose]: () => session.release(),
    }
  } catch (error) {
    await session.release()
    throw error
  }
}

/** The CPU instead of a device that cannot be used, where the settings allow it. @throws {SomaError} `engine/missing`. */
async function choosePlace(runtime: OrtRuntime, device: string, { fallback }: OnnxSettings, log: Log): Promise<Place> {
  try {
    return await placeOn(runtime, device)
  } catch (error) {
    if (!fallback) throw error
    log.warn('the model runs on the CPU instead', { device, why: messageOf(error) })
    return cpu
  }
}

/** Without a setting only where the graph says that its first dimension is a batch. */
function batchMaxOf(session: OrtSession, signature: Signature, settings: OnnxSettings): number {
  if (!isBatchable(signature)) return 1
  const tensors = [...session.inputMetadata, ...session.outputMetadata].filter((value) => value.isTensor)
  const isNamed = namesBatch(tensors.map(({ shape }) => shape[0]))
  return settings.batchMax ?? (isNamed ? BATCH_MAX : 1)
}

/** External weights count too: they are files of the package like the model itself. */
function threadsFor({ files }: ModelPackage, { threads }: LoadOptions): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) <= ONE_THREAD_BYTES_MAX ? 1 : threads
}

async function openSession(
  deps: LoadDeps,
  path: string,
  localPath: string,
  options: ReturnType<typeof sessionOptions>,
): Promise<OrtSession> {
  try {
    return await deps.runtime.InferenceSession.create(localPath, options)
  } catch (error) {
    throw loadError(path, error)
  }
}

/** Outputs that are no tensors (the maps of scikit-learn classifiers) are left out: their tensors still come. */
function readSignature(path: string, session: OrtSession, settings: OnnxSettings): Signature {
  const finite = new Set(settings.finite)
  const inputs = session.inputMetadata.map((value) => readSpec(path, value))
  const outputs = session.outputMetadata.filter((value) => value.isTensor).map((value) => readSpec(path, value))
  return { inputs: inputs.map((spec) => (finite.has(spec.name) ? { ...spec, finite: true } : spec)), outputs }
}

function readSpec(path: string, value: ValueMetadata): TensorSpec {
  if (!value.isTensor) throw unsupportedType(`${path}: "${value.name}"`, 'sequences or maps')
  if (!isOrtDtype(value.type)) throw unsupportedType(`${path}: "${value.name}"`, value.type)
  // The library says `[]` both for a scalar and for a free rank: free is the one that refuses no good input.
  const shape = value.shape.length === 0 ? null : value.shape.map((size) => (typeof size === 'number' ? size : -1))
  return { name: value.name, dtype: value.type, shape }
}
