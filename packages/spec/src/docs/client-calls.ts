import { canonicalJson } from '@soma/core'
import type { CallDefinition } from '../calls/define-call.ts'
import { describeCalls } from './describe-calls.ts'

type Table = Readonly<Record<string, CallDefinition>>

/**
 * The source of `packages/sdk/src/generated/calls.ts`: name, route and kind of every call. Clients need no more at
 * run time, and a browser that imported the table itself would load all of zod (102 kB gzip, against 1).
 */
export function clientCallsModule(table: Table): string {
  const rows = Object.values(table).map(({ name, http, events }) => `  '${name}': { http: '${http}', streaming: ${events !== undefined} },`)
  return [GENERATED, 'export const clientCalls = {', ...rows, '} as const', ''].join('\n')
}

/**
 * What of the table two sides must agree on, as canonical JSON: its sha256 is the table's digest. Words that only
 * people read are left out.
 */
export function callsContract(table: Table): string {
  return canonicalJson(
    describeCalls(table).map(({ name, http, streaming, endless, input, output, events }) => ({
      name,
      http,
      streaming,
      endless,
      input,
      output,
      events,
    })),
  )
}

/** The source of `packages/spec/src/generated/calls-digest.ts`; computing it at each start would cost 75 ms. */
export function callsDigestModule(digest: string): string {
  const doc = '/** sha256 of `callsContract(callTable)`: daemons and clients compare theirs when they meet. */'
  return [GENERATED, doc, `export const CALLS_DIGEST = '${digest}'`, ''].join('\n')
}

const GENERATED = '// Generated from the call table in packages/spec/src/calls by `npm run docs`; do not edit.\n'
