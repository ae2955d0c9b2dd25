import type { Need } from '../capability/v1/capability.ts'
import type { CallDefinition } from './define-call.ts'

/** What a call needs of its caller, with `{field}` where an input field decides: the row is asked with an input whose every field reads as its own name. */
export function needsOf(definition: CallDefinition): readonly Need[] {
  const placeholders = new Proxy({}, { get: (_target, field) => `{${String(field)}}` })
  return [definition.right(placeholders)].flat()
}

/** What a caller must hold to make a call with any input at all: an overlap with everything that the input could name. */
export function leastNeedsOf(definition: CallDefinition): readonly Need[] {
  return needsOf(definition).map(({ resource, right }) => ({ resource: resource.replace(/\{.*$/s, '*'), right, any: true }))
}
