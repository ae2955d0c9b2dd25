import type { ErrorCode } from '@soma/core'
import type { Need } from '../capability/v1/capability.ts'
import type { CallDefinition } from '../calls/define-call.ts'
import { needsOf } from '../calls/needs.ts'
import { type JsonSchema, jsonSchema } from './json-schema.ts'

/** One row of the call table as data: what `system.calls`, the references and the table's digest are made of. */
export interface CallDescription {
  readonly name: string
  readonly summary: string
  readonly http: string
  readonly streaming: boolean
  readonly endless: boolean
  readonly mutates: boolean
  /** What the caller must hold, with `{field}` where an input field decides. */
  readonly needs: readonly Need[]
  readonly errors: readonly ErrorCode[]
  readonly input: JsonSchema
  readonly output: JsonSchema
  readonly events: JsonSchema | undefined
}

/** Codes that every call may fail with, besides its own. */
export const commonErrors = [
  'call/invalid-input',
  'call/malformed',
  'call/too-large',
  'call/cancelled',
  'capability/unauthenticated',
  'capability/denied',
  'capability/quota-exhausted',
  'resource/exhausted',
  'daemon/stopping',
  'internal',
] as const satisfies readonly ErrorCode[]

type Table = Readonly<Record<string, CallDefinition>>

export function describeCalls(table: Table): readonly CallDescription[] {
  return Object.values(table).map(describeCall)
}

function describeCall(definition: CallDefinition): CallDescription {
  const { name, summary, http, errors, events } = definition
  return {
    name,
    summary,
    http,
    streaming: events !== undefined,
    endless: definition.endless === true,
    mutates: definition.mutates === true,
    needs: needsOf(definition),
    errors,
    input: jsonSchema(definition.input, 'input'),
    output: jsonSchema(definition.output, 'output'),
    events: events && jsonSchema(events, 'output'),
  }
}
