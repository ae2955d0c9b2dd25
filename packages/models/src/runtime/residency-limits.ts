import type { Config } from '@soma/spec'
import { HELD_IDLE_MS, IDLE_MS, KNOWN_MAX, RETURN_RETRY_MS, TURN_MS_MAX, URGENT_MS, USED_GAP_MS } from './limits.ts'
import type { ResidencyLimits } from './residency-state.ts'
import { parseResidency } from './residency-text.ts'

/** The times by which models come and go, as the user configured them. */
export function limitsFrom({ collateMs, residency }: Pick<Config['models'], 'collateMs' | 'residency'>): ResidencyLimits {
  return {
    collateMs,
    urgentMs: URGENT_MS,
    gapMs: Math.min(USED_GAP_MS, collateMs),
    turnMsMax: TURN_MS_MAX,
    retryMs: RETURN_RETRY_MS,
    heldIdleMs: HELD_IDLE_MS,
    idleMs: IDLE_MS,
    fallback: { ...parseResidency(residency), pinned: false },
    knownMax: KNOWN_MAX,
  }
}
