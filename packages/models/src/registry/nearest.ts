import { SomaError } from '@soma/core'
import { nearestOf } from '@soma/spec'

/** That no model has this name, and which of `names` may be meant. */
export function modelNotFound(name: string, names: Iterable<string>): SomaError {
  const nearest = nearestOf(name, names)
  const hint = nearest.length > 0 ? `did you mean ${nearest.join(', ')}?` : 'soma model list shows those that are'
  return new SomaError('model/not-found', `no model ${JSON.stringify(name)} is installed; ${hint}`, { details: { name, nearest } })
}
