import { z } from 'zod'
import { defineCall } from './define-call.ts'
import { Nothing } from './values.ts'

export const sourceList = defineCall({
  name: 'source.list',
  summary: 'List where models can be installed from.',
  input: Nothing,
  output: z.strictObject({
    sources: z.array(
      z.strictObject({
        scheme: z.string(),
        title: z.string(),
        example: z.string(),
        searchable: z.boolean(),
        publishable: z.boolean(),
        /** The file of the user's sources folder that it was loaded from; null for those that come with Soma. */
        file: z.string().nullable(),
      }),
    ),
  }),
  right: () => ({ resource: 'source/*', right: 'list', any: true }),
  http: 'GET /v1/sources',
  errors: [],
})
