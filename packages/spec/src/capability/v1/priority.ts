import { z } from 'zod'

/** Who goes first when calls wait for models: most urgent first. */
export const PrioritySchema = z.enum(['realtime', 'interactive', 'normal', 'batch', 'idle'])
export type Priority = z.output<typeof PrioritySchema>

/** Whether `a` goes before `b`. */
export function isMoreUrgent(a: Priority, b: Priority): boolean {
  return PrioritySchema.options.indexOf(a) < PrioritySchema.options.indexOf(b)
}

/** A priority, lowered to `max` where it is more urgent than that; as it is without one. */
export function atMost(priority: Priority, max: Priority | undefined): Priority {
  return max !== undefined && isMoreUrgent(priority, max) ? max : priority
}
