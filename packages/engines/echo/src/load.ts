import { readFile } from 'node:fs/promises'
import { type EngineContext, type LoadOptions, type LoadedModel, type ModelPackage, packageFile } from '@soma/spec'
import { loadFailed } from './errors.ts'
import { MODEL_FILE_BYTES_MAX } from './limits.ts'
import { type EchoSettings, defaultSignature, readSettings } from './options.ts'
import { type EchoDeps, behave, generate, infer } from './run.ts'

export async function readModel(pkg: ModelPackage, options: LoadOptions): Promise<EchoSettings> {
  const file = packageFile(pkg, 'model')
  if (file.sizeBytes > MODEL_FILE_BYTES_MAX) throw loadFailed(`${file.path} is over ${MODEL_FILE_BYTES_MAX} bytes`)
  return readSettings(await readFile(file.localPath), options.settings)
}

export async function load(deps: EchoDeps, settings: EchoSettings, ctx: EngineContext): Promise<LoadedModel> {
  await behave(deps, settings.load, ctx.signal)
  return {
    signature: settings.signature ?? defaultSignature,
    infer: (request, ctx) => infer(deps, settings.infer, request, ctx),
    generate: (request, ctx) => generate(deps, settings.generate, request, ctx),
    usage: () => ({ residentBytes: settings.residentBytes }),
    async [Symbol.asyncDispose]() {},
  }
}
