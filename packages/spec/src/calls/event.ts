import { z } from 'zod'
import { defineCall } from './define-call.ts'
import { EventSchema, Limit, Nothing } from './values.ts'

/** `model.installed`, or with one trailing `*` every event that begins so. */
const EventPattern = z
  .string()
  .max(64)
  .regex(/^[a-z]*(\.[a-z-]*)?\*?$/)

export const eventList = defineCall({
  name: 'event.list',
  summary: 'List kept events, oldest first, that the caller may see.',
  input: z.strictObject({
    names: z.array(EventPattern).min(1).max(32).default(['*']),
    afterSeq: z.number().int().nonnegative().optional(),
    limit: Limit.default(100),
  }),
  output: z.strictObject({ events: z.array(EventSchema), nextSeq: z.number() }),
  right: () => ({ resource: 'event/*', right: 'list', any: true }),
  http: 'GET /v1/events/recent',
  errors: [],
})

export const eventSubscribe = defineCall({
  name: 'event.subscribe',
  summary: 'Receive events as they happen; from `afterSeq` on, kept ones first. A slow subscriber is told how many it missed.',
  input: z.strictObject({
    names: z.array(EventPattern).min(1).max(32).default(['*']),
    afterSeq: z.number().int().nonnegative().optional(),
  }),
  events: EventSchema,
  output: Nothing,
  endless: true,
  right: () => ({ resource: 'event/*', right: 'list', any: true }),
  http: 'GET /v1/events',
  errors: [],
})
