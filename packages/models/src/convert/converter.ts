import { SomaError } from '@soma/core'
import type { EngineDescriptor } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'

/**
 * The engine that writes a model in another format: the one that runs it, where it can.
 * @param model its engine is the one that runs it here, whatever its package names.
 * @throws {SomaError} `model/unsupported` naming what can be had.
 */
export function converterFor(
  engines: readonly EngineDescriptor[],
  model: Pick<InstalledModel, 'name' | 'format' | 'engine'>,
  to: string,
): EngineDescriptor {
  const able = engines.filter(({ formats, converts = [] }) => formats.includes(model.format) && converts.length > 0)
  const fit = able.filter(({ converts = [] }) => converts.includes(to))
  const chosen = fit.find(({ id }) => id === model.engine) ?? fit[0]
  if (chosen && model.format !== to) return chosen
  const formats = [...new Set(able.flatMap(({ converts = [] }) => converts))].filter((format) => format !== model.format)
  const others = formats.length > 0 ? `it can be converted into ${formats.join(', ')}` : `no engine here converts ${model.format}`
  const why = model.format === to ? `is ${to} already` : `cannot be converted from ${model.format} into ${to}; ${others}`
  throw new SomaError('model/unsupported', `model ${model.name} ${why}`, {
    details: { model: model.name, format: model.format, to, formats },
  })
}
