import { isAbsolute, resolve } from 'node:path'
import type { SandboxFolders } from '@soma/host'
import type { EngineDescriptor, ModelPackage } from '@soma/spec'
import type { ChosenModel } from './model-settings.ts'

/** What a confined process has of its own: shown over it, this machine's would undo the confinement, or break it. */
const own = /^\/(?:tmp|(?:dev|proc)(?:\/.*)?)?$/s

/** What a confined process sees that is started for one model: its package, the files of this machine that its settings name, its own state. */
export function foldersOf(
  { options = [] }: EngineDescriptor,
  { settings }: Pick<ChosenModel, 'settings'>,
  pkg: Pick<ModelPackage, 'directory'>,
  stateDirectory?: string,
): SandboxFolders {
  const named = options.filter(({ files }) => files).flatMap(({ name }) => filesIn(settings[name]))
  return { readOnly: [pkg.directory, ...named], writable: stateDirectory === undefined ? [] : [stateDirectory] }
}

/** Absolute paths, with and without what may follow a "=": a path may have one in it, and what is not there is not bound. */
function filesIn(value: unknown): string[] {
  const paths = [value].flat().filter((path) => typeof path === 'string' && isAbsolute(path)) as string[]
  return paths.flatMap((path) => [path, path.replace(/=[^=/]*$/, '')]).filter((path) => !own.test(resolve(path)))
}
