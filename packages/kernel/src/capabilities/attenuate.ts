import { type Constraints, type Grant, type Quota, atMost, covers } from '@soma/spec'

/** The first way in which `child` would allow more than `parent`, or undefined when it allows no more. */
export function excess(parent: Grant, child: Grant): string | undefined {
  if (!covers(parent.resource, child.resource)) return `the resource ${child.resource} is not within ${parent.resource}`
  const extra = child.rights.filter((right) => !parent.rights.includes(right))
  if (extra.length > 0) return `the right ${extra.join(', ')} is not among ${parent.rights.join(', ')}`
  if (expiry(child) > expiry(parent)) return `it would outlive its parent, which expires at ${new Date(expiry(parent)).toISOString()}`
  return excessConstraint(parent.constraints, child.constraints) ?? excessQuota(parent.quota, child.quota)
}

function expiry(grant: Grant): number {
  return grant.expiresAt ?? Infinity
}

function excessConstraint(parent: Constraints, child: Constraints): string | undefined {
  const faces = parent.faces
  if (faces && !(child.faces ?? ['all']).every((face) => (faces as readonly string[]).includes(face)))
    return `the faces are limited to ${faces.join(', ')}`
  if (parent.inputBytesMax !== undefined && (child.inputBytesMax ?? Infinity) > parent.inputBytesMax) {
    return `inputs are limited to ${parent.inputBytesMax} bytes`
  }
  const { priorityMax = 'realtime' } = child
  if (atMost(priorityMax, parent.priorityMax) !== priorityMax) return `calls are limited to the priority ${parent.priorityMax}`
  return undefined
}

/**
 * A child's calls are charged to its ancestors too, so a larger quota could never be used up: it is refused all the
 * same, because a capability should say what it is worth. Windows are not comparable: the rate is.
 */
function excessQuota(parent: Quota | null, child: Quota | null): string | undefined {
  if (!parent) return undefined
  if (child && ratePerMs(child) <= ratePerMs(parent) && child.calls <= parent.calls) return undefined
  return `the quota is limited to ${parent.calls} calls${parent.windowMs ? ` per ${parent.windowMs} ms` : ' in all'}`
}

/** A lifetime quota has no rate: it is weaker than any renewed one of as many calls. */
function ratePerMs(quota: Quota): number {
  return quota.windowMs === undefined ? 0 : quota.calls / quota.windowMs
}
