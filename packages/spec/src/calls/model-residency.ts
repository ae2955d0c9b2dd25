import { z } from 'zod'
import { defineCall } from './define-call.ts'
import { ByteCount, EngineId, JsonSchema, ModelName, Nothing, Timestamp } from './values.ts'

/** When a model is in memory. */
export const residencyModes = ['dynamic', 'persistent', 'timeout', 'swap', 'adaptive'] as const
export type ResidencyMode = (typeof residencyModes)[number]

export const ResidencySchema = z
  .strictObject({
    mode: z
      .enum(residencyModes)
      .describe(
        'dynamic: load, answer, unload; persistent: stays; timeout: leaves when idle; swap: the weights leave, a warm process stays; adaptive: learns when it is wanted',
      ),
    /** Only of `timeout`, and of `swap`: idle time after which the weights leave. */
    seconds: z
      .number()
      .int()
      .positive()
      .max(30 * 24 * 3600)
      .optional(),
    /** Once it is in memory it stays, whatever the mode: it leaves neither unused nor to make room for others. */
    pinned: z.boolean(),
  })
  .meta({ id: 'Residency' })
export type ResidencySetting = z.output<typeof ResidencySchema>

/** Where a model is on its way into and out of memory. */
export const residentStates = ['absent', 'waiting', 'loading', 'ready', 'draining', 'unloading', 'parked'] as const

const Resident = z
  .strictObject({
    model: ModelName,
    engine: z.string(),
    device: z.string(),
    residency: ResidencySchema,
    state: z.enum(residentStates),
    /** One sentence: why it is in this state. */
    why: z.string(),
    /** Measured while it is loaded, else what loading is expected to take. */
    memoryBytes: ByteCount,
    running: z.number().int().nonnegative(),
    waiting: z.number().int().nonnegative(),
    loadedAt: Timestamp.nullable(),
    usedAt: Timestamp.nullable(),
    /** When it will leave if nobody calls it. */
    leavesAt: Timestamp.nullable(),
    pid: z.number().nullable(),
  })
  .meta({ id: 'Resident' })
export type Resident = z.output<typeof Resident>

const Budget = z.strictObject({
  /** `memory`, or an accelerator's id. */
  device: z.string(),
  limitBytes: ByteCount,
  usedBytes: ByteCount,
})

export const modelResident = defineCall({
  name: 'model.resident',
  summary: 'List the models in memory, on their way, or waited for, with the memory they take and why.',
  input: Nothing,
  output: z.strictObject({ models: z.array(Resident), budgets: z.array(Budget) }),
  right: () => ({ resource: 'model/*', right: 'list', any: true }),
  http: 'GET /v1/residents',
  errors: [],
})

export const modelResidency = defineCall({
  name: 'model.residency',
  summary: 'Say when a model is to be in memory; it holds from now on, and after a restart.',
  input: z.strictObject({
    model: ModelName,
    mode: z.enum(residencyModes).optional().describe('Unchanged when absent'),
    seconds: ResidencySchema.shape.seconds.describe('Idle time of timeout and swap'),
    pinned: z.boolean().optional().describe('Stays once it is in memory, unused or in the way of others; unchanged when absent'),
  }),
  output: z.strictObject({ name: ModelName, residency: ResidencySchema }),
  right: ({ model }) => ({ resource: `model/${model}`, right: 'manage' }),
  mutates: true,
  http: 'POST /v1/models/{model}/residency',
  errors: ['model/not-found'],
})

export const modelConfigure = defineCall({
  name: 'model.configure',
  summary: 'Choose a model’s engine, device and load settings; null goes back to the choice Soma makes.',
  input: z.strictObject({
    model: ModelName,
    engine: EngineId.nullable().optional(),
    device: z.string().max(64).nullable().optional().describe('`cpu`, or an accelerator as `soma hardware` names it'),
    settings: z.record(z.string(), JsonSchema).optional().describe('Of the engine, as `soma engine show` lists them; null restores one'),
  }),
  output: z.strictObject({
    name: ModelName,
    engine: z.string().nullable(),
    device: z.string().nullable(),
    settings: z.record(z.string(), JsonSchema),
  }),
  right: ({ model }) => ({ resource: `model/${model}`, right: 'manage' }),
  mutates: true,
  http: 'POST /v1/models/{model}/configure',
  errors: ['model/not-found', 'model/unsupported', 'engine/not-found', 'config/invalid'],
})

const Candidate = z.strictObject({
  engine: z.string(),
  device: z.string(),
  /** Larger is better; comparable only within one answer. */
  score: z.number(),
  chosen: z.boolean(),
  /** Null when it was not asked: the engine cannot run here, or does not read the format. */
  memoryBytes: ByteCount.nullable(),
  /** What speaks for it, and what against; each one sentence. */
  reasons: z.array(z.string()),
  problems: z.array(z.string()),
})

export const modelExplain = defineCall({
  name: 'model.explain',
  summary: 'Say which engines and devices could run a model and why one is chosen, and why it is in memory or is not.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({
    name: ModelName,
    format: z.string(),
    task: z.string(),
    /** Best first; those that cannot run it come last, with their problems. */
    candidates: z.array(Candidate),
    resident: Resident,
    budgets: z.array(Budget),
    /** Newest first: when it was loaded, evicted, unloaded, refused, and why. */
    history: z.array(z.strictObject({ at: Timestamp, what: z.string(), why: z.string() })),
  }),
  right: ({ model }) => ({ resource: `model/${model}`, right: 'read' }),
  http: 'GET /v1/models/{model}/explain',
  errors: ['model/not-found'],
})
