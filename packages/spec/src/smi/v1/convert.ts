import { z } from 'zod'

/** What a conversion is doing, for people. */
export const ConvertEventSchema = z.strictObject({ stage: z.string().max(200) })
export type ConvertEvent = z.output<typeof ConvertEventSchema>
export const ConvertResultSchema = z.strictObject({
  /** What was written, as paths inside the folder that was given. */
  files: z.array(z.string().min(1).max(1024)).min(1).max(1000),
  /** What the user should know: operators that were replaced, the largest difference of outputs that was seen. */
  notes: z.array(z.string().max(2000)).max(100),
})
export type ConvertResult = z.output<typeof ConvertResultSchema>
