import { z } from 'zod'
import { editionNames } from '../config/v1/edition-names.ts'
import { defineCall } from './define-call.ts'
import { JsonSchema, Nothing } from './values.ts'

export const EditionName = z.enum(editionNames)
export type EditionName = z.output<typeof EditionName>

const EditionSummary = z.strictObject({ name: EditionName, summary: z.string(), used: z.boolean() })
const EditionSetting = z.strictObject({ key: z.string(), value: JsonSchema, why: z.string() })

export const editionList = defineCall({
  name: 'edition.list',
  summary: 'List the editions: named configurations for what a machine is mostly used for.',
  input: Nothing,
  output: z.strictObject({ editions: z.array(EditionSummary) }),
  right: () => ({ resource: 'system/configuration', right: 'read' }),
  http: 'GET /v1/editions',
  errors: [],
})

export const editionShow = defineCall({
  name: 'edition.show',
  summary: 'Show what an edition sets, and why.',
  input: z.strictObject({ edition: EditionName }),
  output: EditionSummary.extend({ settings: z.array(EditionSetting) }),
  right: () => ({ resource: 'system/configuration', right: 'read' }),
  http: 'GET /v1/editions/{edition}',
  errors: [],
})

export const editionUse = defineCall({
  name: 'edition.use',
  summary: 'Use an edition: its settings hold wherever the configuration file says nothing else.',
  input: z.strictObject({ edition: EditionName }),
  output: z.strictObject({
    name: EditionName,
    /** Settings that the configuration file overrides all the same. */
    overridden: z.array(z.string()),
    /** Some of it holds only after the daemon was started anew. */
    needsRestart: z.boolean(),
  }),
  right: () => ({ resource: 'system/configuration', right: 'manage' }),
  mutates: true,
  http: 'POST /v1/editions/{edition}/use',
  errors: ['config/invalid'],
})
