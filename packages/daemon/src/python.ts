import { join } from 'node:path'
import { descriptor } from '@soma/engine-python'
import type { InstalledEngine } from './engines.ts'
import type { SomaOptions } from './options.ts'

/** The engines, the python one told which interpreter it is to use, and where a virtual environment of Soma's own would be. */
export function withPython(
  engines: readonly InstalledEngine[],
  { config, env, paths }: Pick<SomaOptions, 'config' | 'env' | 'paths'>,
): InstalledEngine[] {
  const named = config.engines.python || env['SOMA_PYTHON']
  const own = { SOMA_PYTHON_ENVIRONMENT: join(paths.data, 'python'), ...(named !== undefined && named !== '' && { SOMA_PYTHON: named }) }
  return engines.map((engine) => (engine.descriptor.id === descriptor.id ? { ...engine, env: { ...engine.env, ...own } } : engine))
}

/**
 * Of several formats that a model comes in, hubs give one that an engine here loads: one that Soma loads by itself. Python's
 * frameworks are there only where somebody installed them.
 */
export function formatsOfHubs(engines: readonly InstalledEngine[]): string[] {
  return engines.filter(({ descriptor: { id } }) => id !== descriptor.id).flatMap(({ descriptor: { formats } }) => formats)
}
