import { z } from 'zod'
import { EngineDescriptorSchema } from '../smi/v1/descriptor.ts'
import { defineCall } from './define-call.ts'
import { EngineId, Nothing } from './values.ts'

const EngineStatus = EngineDescriptorSchema.extend({ processes: z.number(), restarts: z.number() }).meta({ id: 'EngineStatus' })

export const engineList = defineCall({
  name: 'engine.list',
  summary: 'List the engines, the formats and tasks they run, and their processes.',
  input: Nothing,
  output: z.strictObject({ engines: z.array(EngineStatus) }),
  right: () => ({ resource: 'engine/*', right: 'list', any: true }),
  http: 'GET /v1/engines',
  errors: [],
})

export const engineShow = defineCall({
  name: 'engine.show',
  summary: 'Show one engine and whether it can run on this machine, by starting it.',
  input: z.strictObject({ engine: EngineId }),
  output: z.strictObject({
    engine: EngineStatus,
    support: z.strictObject({ supported: z.boolean(), reason: z.string(), devices: z.array(z.string()) }),
  }),
  right: (input) => ({ resource: `engine/${input.engine}`, right: 'read' }),
  http: 'GET /v1/engines/{engine}',
  errors: ['engine/not-found', 'engine/crashed', 'engine/not-ready', 'engine/protocol'],
})
