import { z } from 'zod'
import { CheckSchema } from '../smi/v1/check.ts'
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

export const engineDoctor = defineCall({
  name: 'engine.doctor',
  summary: 'Start engines and check whether they can run here, and say what to install for those that cannot.',
  input: z.strictObject({ engine: EngineId.optional().describe('All of them when absent') }),
  output: z.strictObject({
    engines: z.array(
      z.strictObject({ engine: z.string(), supported: z.boolean(), devices: z.array(z.string()), checks: z.array(CheckSchema) }),
    ),
  }),
  right: ({ engine }) => ({
    resource: engine === undefined ? 'engine/*' : `engine/${engine}`,
    right: 'read',
    ...(engine === undefined && { any: true }),
  }),
  http: 'GET /v1/doctor/engines',
  errors: ['engine/not-found'],
})
