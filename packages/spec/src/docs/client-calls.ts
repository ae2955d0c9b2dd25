import type { CallDefinition } from '../calls/define-call.ts'

/**
 * The source of `packages/sdk/src/generated/calls.ts`: name, route and kind of every call. Clients need no more at
 * run time, and a browser that imported the table itself would load all of zod (102 kB gzip, against 1).
 */
export function clientCallsModule(table: Readonly<Record<string, CallDefinition>>, digest: string): string {
  const rows = Object.values(table).map(({ name, http, events }) => `  '${name}': { http: '${http}', streaming: ${events !== undefined} },`)
  return [
    '// Generated from the call table in packages/spec/src/calls; do not edit.',
    '',
    '/** Digest of the call table this client was made for, as `callsDigest` computes it. */',
    'export const CALLS_DIGEST =',
    `  '${digest}'`,
    '',
    'export const clientCalls = {',
    ...rows,
    '} as const',
    '',
  ].join('\n')
}
