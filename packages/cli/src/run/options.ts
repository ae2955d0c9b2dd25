import type { Readable } from 'node:stream'
import { SomaError, parseJson } from '@soma/core'
import type { CallInput } from '@soma/spec'
import type { Command } from 'commander'
import { collect } from '../command.ts'
import { parseDuration } from '../input/duration.ts'
import { readInput } from '../input/read.ts'

/** What `soma run` takes beside the model. */
export interface RunOptions {
  readonly input?: readonly string[]
  readonly prompt?: string
  readonly system?: string
  readonly file?: readonly string[]
  readonly maxTokens?: string
  readonly temperature?: string
  readonly topP?: string
  readonly topK?: string
  readonly seed?: string
  readonly stop?: readonly string[]
  readonly format?: string
  readonly overflow?: string
  readonly language?: string
  readonly voice?: string
  readonly speed?: string
  readonly output?: string
  readonly priority?: string
  readonly deadline?: string
}

type Generate = CallInput<'model.generate'>
/** How to generate: all of a request but what it is about. */
export type Sampling = Omit<Generate, 'model' | 'prompt' | 'messages'>
export type Urgency = Pick<Generate, 'priority' | 'deadlineMs'>

export function configureRun(command: Command): void {
  command
    .argument('<model>', 'name of the model')
    .argument('[words...]', 'what to say to it; for models of pictures, sounds and arrays: files, one run each; - for standard input')
    .option('--file <path>', 'a text or a picture that belongs to what you say; repeatable', collect)
    .option('--system <text>', 'what the model is told to be')
    .option('--prompt <text>', 'text to continue as it stands, without the chat template; - for standard input')
    .option('--input <name=value>', 'an input: @file, or JSON (numbers, texts, nested lists); repeatable', collect)
    .option('--max-tokens <count>', 'upper bound of generated tokens')
    .option('--temperature <number>', '0 takes the likeliest token each time')
    .option('--top-p <number>', 'only the likeliest tokens of this probability together')
    .option('--top-k <count>', 'only so many of the likeliest tokens')
    .option('--seed <number>', 'equal seeds give equal answers where the engine can')
    .option('--stop <text>', 'ends the answer where this would begin; repeatable', collect)
    .option('--format <json|file>', 'json, or a file with a JSON Schema that the answer must fit')
    .option(
      '--overflow <how>',
      'what to do when all of it is longer than the model’s context: error, or truncate to leave out its beginning',
    )
    .option('--language <code>', 'what is spoken in a recording, e.g. en')
    .option('--voice <name>', 'who speaks, of models that speak')
    .option('--speed <number>', 'how fast, of models that speak; 1 is their own')
    .option('--output <file>', 'write the sound that a model speaks to this WAV file')
    .option('--priority <level>', 'realtime, interactive, normal, batch or idle')
    .option('--deadline <duration>', 'give up after this long, e.g. 30s')
}

/** @throws {SomaError} `call/invalid-input` naming the option. */
export async function samplingOf(options: RunOptions, stdin: Readable): Promise<Sampling> {
  const { stop, format } = options
  return {
    ...numbers(options),
    ...(stop && { stop: [...stop] }),
    ...(format !== undefined && { format: await formatOf(format, stdin) }),
    ...overflowOf(options),
    ...urgencyOf(options),
  }
}

/** Options of sampling whose value is a number. */
export const numericOptions = ['maxTokens', 'temperature', 'topP', 'topK', 'seed'] as const
export type NumericOption = (typeof numericOptions)[number]
export function isNumericOption(name: string): name is NumericOption {
  return numericOptions.some((option) => option === name)
}

function numbers(options: RunOptions): Partial<Record<NumericOption, number>> {
  return Object.fromEntries(
    numericOptions.flatMap((name) => {
      const text = options[name]
      return text === undefined ? [] : [[name, numberOf(name, text)]]
    }),
  )
}

/** @throws {SomaError} `call/invalid-input`. */
export function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new SomaError('call/invalid-input', `${name} takes a number, not "${text}"`)
}

/** What may be too long for the model; the call's own schema says what can be done then. */
export function overflowOf({ overflow }: RunOptions): Pick<Generate, 'overflow'> {
  return overflow === undefined ? {} : { overflow: overflow as NonNullable<Generate['overflow']> }
}

export function urgencyOf({ priority, deadline }: RunOptions): Urgency {
  return {
    // The call's own schema says which there are.
    ...(priority !== undefined && { priority: priority as NonNullable<Urgency['priority']> }),
    ...(deadline !== undefined && { deadlineMs: parseDuration(deadline) }),
  }
}

async function formatOf(text: string, stdin: Readable): Promise<NonNullable<Generate['format']>> {
  if (text === 'json') return { type: 'json' }
  const schema = parseJson(await readInput(text, stdin), text)
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw new SomaError('call/invalid-input', `${text} holds no JSON Schema: an object was expected`)
  return { type: 'json-schema', schema: schema as Record<string, never> }
}
