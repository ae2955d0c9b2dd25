import { type CallContext, type EngineDescriptor, readFiles } from '@soma/spec'
import { denied } from '../versions/may-follow.ts'
import { settingsNamingFiles } from './model-settings.ts'

/** Choosing how a model is loaded is not choosing which files of this machine are read for it. @throws {SomaError} `capability/denied`. */
export function checkFiles(engine: EngineDescriptor, settings: Readonly<Record<string, unknown>>, ctx: CallContext): void {
  const [setting] = settingsNamingFiles(engine, settings)
  if (setting !== undefined && !ctx.allows(readFiles.resource, readFiles.right))
    throw denied(ctx, readFiles, `naming a file of this machine as the setting ${setting}`)
}
