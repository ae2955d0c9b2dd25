import { basename, dirname, join } from 'node:path'
import { type Sandbox, createSandbox } from '@soma/host'
import type { SomaOptions } from './options.ts'

/**
 * Where engines run confined: they see their program, Node, and the models that are laid out for engines, all read-only;
 * they may write conversions. Undefined when the configuration says that they run free.
 */
export function engineSandbox({ config, paths, env }: Pick<SomaOptions, 'config' | 'paths' | 'env'>): Sandbox | undefined {
  if (config.engines.sandbox === 'off') return undefined
  const laidOut = join(paths.data, 'run', 'packages')
  const pythons = [join(paths.data, 'python'), ...(config.engines.python === '' ? [] : [installationOf(config.engines.python)])]
  const readOnly = [installationOf(process.execPath), ownRoot(), ...pythons, laidOut]
  return createSandbox({ readOnly, writable: [join(paths.data, 'run', 'drafts'), join(paths.data, 'engine-state')], made: [laidOut] }, env)
}

/** A program with its libraries, where it is installed as `<prefix>/bin/<program>`; else the folder that it is in. */
function installationOf(program: string): string {
  const folder = dirname(program)
  return basename(folder) === 'bin' ? dirname(folder) : folder
}

/** The folder that holds programs and packages: of the repository, or the one around the built daemon's. */
function ownRoot(): string {
  const here = import.meta.dirname
  return import.meta.filename.endsWith('.ts') ? join(here, '..', '..', '..') : dirname(here)
}
