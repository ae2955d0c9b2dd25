import { SomaError } from '@soma/core'
import type { InstalledModel, Registry } from '../ports.ts'

/**
 * For `effects.require`, by who stages a record that was made of another: that nobody has committed one in between.
 * @throws {SomaError} `model/in-use`; `model/not-found` when the model was removed.
 */
export function checkUnchanged(registry: Pick<Registry, 'get'>, model: InstalledModel): void {
  if (registry.get(model.name) === model) return
  throw new SomaError('model/in-use', `${model.name} was changed meanwhile; try again`, { details: { model: model.name } })
}
