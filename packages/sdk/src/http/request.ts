import { SomaError } from '@soma/core'
import { FRAME_CONTENT_TYPE, encodeFrame } from '@soma/spec'
import { clientCalls } from '../generated/calls.ts'

/** What `fetch` needs for one call. */
export interface CallRequest {
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer> | undefined
}

type Fields = Readonly<Record<string, unknown>>

/**
 * A call as its route of the table: path fields in the path, the others in the query or in a frame.
 * @throws {SomaError} `call/invalid-input` for a path field that no path can hold.
 */
export function callRequest(name: string, input: unknown, token: string | undefined): CallRequest {
  const [method = '', route = ''] = clientCalls[name as keyof typeof clientCalls].http.split(' ')
  const fields = { ...(input as Fields) }
  const path = route.replaceAll(/\{(\w+)\}/g, (_part, field: string) => takeSegment(fields, field))
  const byQuery = method === 'GET' || method === 'DELETE'
  const query = byQuery ? queryOf(fields) : ''
  return {
    path: query === '' ? path : `${path}?${query}`,
    method,
    headers: {
      accept: FRAME_CONTENT_TYPE,
      ...(!byQuery && { 'content-type': FRAME_CONTENT_TYPE }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: byQuery ? undefined : joined(encodeFrame(fields)),
  }
}

function takeSegment(fields: Record<string, unknown>, field: string): string {
  const value = fields[field]
  delete fields[field]
  // A dot segment would be resolved away by every URL parser, and an empty one name the folder above.
  if (typeof value !== 'string' || value === '' || value === '.' || value === '..')
    throw new SomaError('call/invalid-input', `"${field}" must be a name, not ${JSON.stringify(value) ?? 'missing'}`, {
      details: { field },
    })
  return encodeURIComponent(value)
}

function queryOf(fields: Fields): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().flatMap((item) => pair(name, item)))
  return new URLSearchParams(pairs).toString()
}

function pair(name: string, value: unknown): Array<[string, string]> {
  if (value === undefined) return []
  return [[name, typeof value === 'string' ? value : JSON.stringify(value)]]
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole
}
