import { z } from 'zod'
import { CheckSchema } from '../smi/v1/check.ts'
import { HostFactsSchema } from '../smi/v1/host-facts.ts'
import { TensorSchema } from '../tensor/tensor.ts'
import { defineCall } from './define-call.ts'
import { ByteCount, JsonSchema, Nothing, Timestamp } from './values.ts'

export const systemHealth = defineCall({
  name: 'system.health',
  summary: 'Say whether the daemon works; the one call everybody on this machine may make.',
  input: Nothing,
  output: z.strictObject({ status: z.enum(['ok', 'stopping']), version: z.string(), uptimeMs: z.number() }),
  right: () => ({ resource: 'system/health', right: 'read' }),
  http: 'GET /v1/system/health',
  errors: [],
})

export const systemStatus = defineCall({
  name: 'system.status',
  summary: 'Show the daemon: version, addresses, memory, engine processes, call counts.',
  input: Nothing,
  output: z.strictObject({
    version: z.string(),
    node: z.string(),
    pid: z.number(),
    startedAt: Timestamp,
    home: z.string(),
    faces: z.array(z.strictObject({ kind: z.string(), address: z.string() })),
    memory: z.strictObject({ rssBytes: ByteCount, availableBytes: ByteCount, totalBytes: ByteCount }),
    disk: z.strictObject({ freeBytes: ByteCount, blobBytes: ByteCount, blobs: z.number() }),
    processes: z.array(
      z.strictObject({
        pid: z.number(),
        engine: z.string(),
        model: z.string().nullable(),
        state: z.enum(['starting', 'spare', 'loading', 'ready', 'busy', 'parked', 'stopping']),
        rssBytes: ByteCount,
        startedAt: Timestamp,
      }),
    ),
    models: z.number(),
    calls: z.strictObject({ total: z.number(), failed: z.number(), active: z.number() }),
  }),
  right: () => ({ resource: 'system/daemon', right: 'read' }),
  http: 'GET /v1/system/status',
  errors: [],
})

export const systemHardware = defineCall({
  name: 'system.hardware',
  summary: 'Show what this machine offers models: CPUs and their instruction sets, memory, accelerators, limits of the container.',
  input: Nothing,
  output: HostFactsSchema,
  right: () => ({ resource: 'system/daemon', right: 'read' }),
  http: 'GET /v1/system/hardware',
  errors: [],
})

export const systemCalls = defineCall({
  name: 'system.calls',
  summary: 'List the system calls with their schemas.',
  input: Nothing,
  output: z.strictObject({
    calls: z.array(
      z.strictObject({
        name: z.string(),
        summary: z.string(),
        http: z.string(),
        streaming: z.boolean(),
        mutates: z.boolean(),
        errors: z.array(z.string()),
        input: z.record(z.string(), JsonSchema),
        output: z.record(z.string(), JsonSchema),
      }),
    ),
  }),
  right: () => ({ resource: 'system/calls', right: 'read' }),
  http: 'GET /v1/system/calls',
  errors: [],
})

export const systemEcho = defineCall({
  name: 'system.echo',
  summary: 'Return the input unchanged: measures a face, or tests a client.',
  input: z.strictObject({ payload: JsonSchema.default(null), tensors: z.array(TensorSchema).default([]) }),
  output: z.strictObject({ payload: JsonSchema, tensors: z.array(TensorSchema) }),
  right: () => ({ resource: 'system/echo', right: 'invoke' }),
  http: 'POST /v1/system/echo',
  errors: [],
})

export const systemDoctor = defineCall({
  name: 'system.doctor',
  summary: 'Check this machine and this installation, and say what to do about what is missing or odd.',
  input: Nothing,
  output: z.strictObject({
    checks: z.array(CheckSchema),
  }),
  right: () => ({ resource: 'system/daemon', right: 'read' }),
  http: 'GET /v1/system/doctor',
  errors: [],
})

export const systemShutdown = defineCall({
  name: 'system.shutdown',
  summary: 'Stop the daemon: no new calls, running ones finish, engines end.',
  input: Nothing,
  output: Nothing,
  right: () => ({ resource: 'system/daemon', right: 'manage' }),
  // Not `mutates`: nothing is committed, so that it also works when the disk is full.
  http: 'POST /v1/system/shutdown',
  errors: [],
})

const Setting = z.strictObject({
  key: z.string(),
  value: JsonSchema,
  default: JsonSchema,
  source: z.enum(['default', 'edition', 'file']),
  description: z.string(),
  needsRestart: z.boolean(),
})

export const systemConfiguration = defineCall({
  name: 'system.configuration',
  summary: 'List the settings with their values, defaults and where each comes from.',
  input: Nothing,
  output: z.strictObject({ path: z.string(), settings: z.array(Setting) }),
  right: () => ({ resource: 'system/configuration', right: 'read' }),
  http: 'GET /v1/system/configuration',
  errors: ['config/invalid'],
})

export const systemConfigure = defineCall({
  name: 'system.configure',
  summary: 'Change settings in the configuration file; null restores a default.',
  input: z.strictObject({ set: z.record(z.string(), JsonSchema) }),
  output: z.strictObject({ settings: z.array(Setting) }),
  right: () => ({ resource: 'system/configuration', right: 'manage' }),
  mutates: true,
  http: 'PATCH /v1/system/configuration',
  errors: ['config/invalid'],
})
