import { parseJson } from '@soma/core'
import { type Signature, SignatureSchema, dtypes, parseInput } from '@soma/spec'
import { z } from 'zod'
import { loadFailed } from './errors.ts'
import { DELAY_MS_MAX } from './limits.ts'

/** What to do before answering, and instead of it: the ways in which engines fail. */
const BehaviourSchema = z.strictObject({
  /** Waits; stops early when cancelled. */
  delayMs: z.number().min(0).max(DELAY_MS_MAX).default(0),
  /** Blocks the whole process, as native code on the main thread does. */
  blockMs: z.number().min(0).max(DELAY_MS_MAX).default(0),
  /** `throw`: an untyped error; `crash`: the process aborts; `garbage`: bytes on stdout that are no frame; `hang`: no answer, even when cancelled. */
  outcome: z.enum(['answer', 'throw', 'crash', 'garbage', 'hang']).default('answer'),
})
export type Behaviour = z.output<typeof BehaviourSchema>
const good: Behaviour = { delayMs: 0, blockMs: 0, outcome: 'answer' }

/** `model.echo`, over which the manifest's settings are laid. */
const EchoSettingsSchema = z.strictObject({
  /** What it pretends to take in memory. */
  residentBytes: z
    .number()
    .int()
    .nonnegative()
    .default(1024 * 1024),
  signature: SignatureSchema.optional(),
  load: BehaviourSchema.default(good),
  infer: BehaviourSchema.default(good),
  /** Before each word. */
  generate: BehaviourSchema.default(good),
})
export type EchoSettings = z.output<typeof EchoSettingsSchema>

/** An input of this name holds a behaviour as JSON, for one call. */
export const BEHAVIOUR_INPUT = 'do'

/** One optional input of every dtype, named after it, of any shape. */
export const defaultSignature: Signature = {
  inputs: [
    ...dtypes.map((dtype) => ({ name: dtype, dtype, shape: null, optional: true })),
    { name: BEHAVIOUR_INPUT, dtype: 'string', shape: [1], optional: true, description: 'How to misbehave in this call, as JSON' },
  ],
  outputs: dtypes.map((dtype) => ({ name: dtype, dtype, shape: null, optional: true })),
}

/** @throws {SomaError} `model/load-failed` when the file or the settings are not what the engine takes. */
export function readSettings(file: Uint8Array, settings: Readonly<Record<string, unknown>>): EchoSettings {
  try {
    const written = z.record(z.string(), z.unknown()).parse(parseJson(file, 'model.echo'))
    return parseInput(EchoSettingsSchema, { ...written, ...settings }, 'model.echo')
  } catch (cause) {
    throw loadFailed((cause as Error).message, cause)
  }
}

/** @throws {SomaError} `call/invalid-input`, `call/malformed`. */
export function readBehaviour(json: string): Behaviour {
  return parseInput(BehaviourSchema, parseJson(json, 'the behaviour'), 'the behaviour')
}
