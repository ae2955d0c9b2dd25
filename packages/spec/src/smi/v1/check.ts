import { z } from 'zod'

/** One thing that a doctor looked at, and what to do about it. */
export const CheckSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  status: z.enum(['ok', 'warn', 'fail']),
  detail: z.string(),
  remedy: z.string().optional(),
})
export type Check = z.output<typeof CheckSchema>
