import { throwIfAborted } from '@soma/core'
import { type EngineContext, type LoadOptions, type LoadedModel, type ModelPackage, packageFile } from '@soma/spec'
import { unsupported } from './errors.ts'
import { type Settings, readSettings } from './options.ts'
import { type RunDeps, type TensorModel, TensorRun } from './run.ts'

/** Loads a model with the library of its format, which is imported now: each takes its time. */
export async function load(deps: RunDeps, pkg: ModelPackage, options: LoadOptions, ctx: EngineContext): Promise<LoadedModel> {
  const settings = readSettings(options.settings)
  if (options.device !== undefined && options.device !== 'cpu')
    throw unsupported('device', `the tensorflow engine runs on the CPU only, not on ${options.device}`)
  const model = await loadFormat(pkg, settings)
  if (ctx.signal.aborted) model[Symbol.dispose]()
  throwIfAborted(ctx.signal)
  return new TensorRun(deps, model)
}

async function loadFormat(pkg: ModelPackage, settings: Settings): Promise<TensorModel> {
  if (/\.(tflite|lite)$/i.test(packageFile(pkg, 'model').path)) {
    const { loadLite } = await import('./lite-model.ts')
    return loadLite(pkg, settings)
  }
  const { loadTfjs } = await import('./tfjs-model.ts')
  return loadTfjs(pkg, settings)
}
