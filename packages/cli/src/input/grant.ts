import { SomaError } from '@soma/core'
import { type CallInput, type Face, type Priority, PrioritySchema, faces, parseGrant } from '@soma/spec'
import { parseDuration } from './duration.ts'

/** A grant as the calls take it. */
export type GrantInput = CallInput<'capability.derive'>['grant']

export interface GrantOptions {
  readonly expires?: string
  readonly quota?: string
  readonly face?: readonly string[]
  readonly maxInput?: number
  readonly priorityMax?: string
}

/** The grant that the short form and the options of a command describe. @throws {SomaError} `call/invalid-input`. */
export function buildGrant(text: string, options: GrantOptions, now: number): GrantInput {
  const constraints = {
    ...(options.face && { faces: options.face.map((face) => parseFace(face)) }),
    ...(options.maxInput !== undefined && { inputBytesMax: options.maxInput }),
    ...(options.priorityMax !== undefined && { priorityMax: parsePriority(options.priorityMax) }),
  }
  return {
    ...parseGrant(text),
    constraints,
    expiresAt: options.expires === undefined || options.expires === 'never' ? null : now + parseDuration(options.expires),
    quota: options.quota === undefined ? null : parseQuota(options.quota),
  }
}

/** `100` calls in all, or `100/1h` an hour. */
function parseQuota(text: string): { calls: number; windowMs?: number } {
  const [, calls, window] = /^(\d{1,12})(?:\/(\w+))?$/.exec(text) ?? []
  if (calls === undefined)
    throw new SomaError('call/invalid-input', `"${text}" is not a quota; expected calls, or calls/time such as 100/1h`)
  return { calls: Number(calls), ...(window !== undefined && { windowMs: parseDuration(window) }) }
}

function parsePriority(text: string): Priority {
  const parsed = PrioritySchema.safeParse(text)
  if (parsed.success) return parsed.data
  throw new SomaError('call/invalid-input', `"${text}" is not a priority; expected ${PrioritySchema.options.join(', ')}`)
}

function parseFace(text: string): Face {
  const face = faces.find((one) => one === text)
  if (face) return face
  throw new SomaError('call/invalid-input', `"${text}" is not a face; expected ${faces.join(', ')}`)
}
