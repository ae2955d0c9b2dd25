import { basename, dirname, join, sep } from 'node:path'
import { type Sandbox, createSandbox } from '@soma/host'
import type { SomaOptions } from './options.ts'

/**
 * Where engines run confined: all see their program, Node and Python, read-only; each sees the package that it was started for, too.
 * Undefined when the configuration says that they run free.
 */
export function engineSandbox({ config, paths, env }: Pick<SomaOptions, 'config' | 'paths' | 'env'>): Sandbox | undefined {
  if (config.engines.sandbox === 'off') return undefined
  const own = [paths.data, ...(env['HOME'] === undefined ? [] : [env['HOME']])]
  const { python } = config.engines
  const programs = [process.execPath, ...(python === '' ? [] : [python])]
  return createSandbox([...programs.flatMap((program) => installationOf(program, own)), ownRoot(), join(paths.data, 'python')], env)
}

/**
 * A program with its libraries, where it is installed as `<prefix>/bin/<program>`; else the folder that it is in.
 * @param own what is nobody's business: a prefix such as `~/.local`, which holds more than programs, is not shown whole.
 */
export function installationOf(program: string, own: readonly string[]): string[] {
  const folder = dirname(program)
  if (basename(folder) !== 'bin') return [folder]
  const prefix = dirname(folder)
  const inside = prefix.endsWith(sep) ? prefix : prefix + sep
  const isPrivate = own.some((path) => `${path}${sep}`.startsWith(inside))
  return isPrivate ? [folder, join(prefix, 'lib')] : [prefix]
}

/** The folder that holds programs and packages: of the repository, or the one around the built daemon's. */
function ownRoot(): string {
  const here = import.meta.dirname
  return import.meta.filename.endsWith('.ts') ? join(here, '..', '..', '..') : dirname(here)
}
