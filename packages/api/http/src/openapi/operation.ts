import { type ErrorCode, errorCodes } from '@soma/core'
import { type CallDescription, FRAME_CONTENT_TYPE, type JsonSchema, type RawBody, commonErrors } from '@soma/spec'
import { JSON_CONTENT_TYPE } from '../codec.ts'
import { PROBLEM_CONTENT_TYPE } from '../errors.ts'
import { NDJSON_CONTENT_TYPE, SSE_CONTENT_TYPE } from '../streams.ts'
import { type JsonObject, inline } from './components.ts'

const requestErrors = ['call/host-refused', 'call/unsupported-media-type'] as const satisfies readonly ErrorCode[]

export function pathItemKey(http: string): { readonly path: string; readonly method: string } {
  const [method = '', path = ''] = http.split(' ')
  return { path, method: method.toLowerCase() }
}

/** The first half of a call's name, which groups it. */
export function nounOf(name: string): string {
  return name.slice(0, name.indexOf('.'))
}

/** One call as an OpenAPI operation. */
export function operation(call: CallDescription, raw: RawBody | undefined): JsonObject {
  const { path, method } = pathItemKey(call.http)
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
  const fields = Object.entries((call.input['properties'] ?? {}) as Record<string, JsonSchema>)
  const others = fields.filter(([name]) => !inPath.includes(name))
  const byQuery = method === 'get' || method === 'delete'
  const parameters = [
    ...fields.filter(([name]) => inPath.includes(name)).map(([name, schema]) => parameter(name, schema, 'path', true)),
    ...(byQuery ? others.map(([name, schema]) => parameter(name, schema, 'query', isRequired(call.input, name))) : []),
    ...Object.entries(raw?.parameters ?? {}).map(([name, description]) => parameter(name, { type: 'string', description }, 'query', false)),
  ]
  return {
    operationId: call.name,
    summary: call.summary,
    description: description(call),
    tags: [nounOf(call.name)],
    ...(parameters.length > 0 && { parameters }),
    ...(!byQuery && others.length > 0 && { requestBody: requestBody(call, inPath, raw) }),
    responses: { '200': success(call), ...failures([...commonErrors, ...requestErrors, ...call.errors]) },
  }
}

function description(call: CallDescription): string {
  const needs = call.needs.map(({ resource, right, any }) => `\`${right}\` on ${any ? 'something in ' : ''}\`${resource}\``)
  const stream = call.streaming
    ? ` Streams: server-sent events \`event\`, then one \`output\` or \`error\`; or the same as lines or frames, \`{"event": …}\`, \`{"output": …}\`, \`{"error": …}\`.${
        call.endless ? ' It ends when the client leaves.' : ' Without such an Accept header only the output is sent.'
      }`
    : ''
  return `Needs ${needs.join(', ')}.${stream}`
}

function parameter(name: string, schema: JsonSchema, place: 'path' | 'query', required: boolean): JsonObject {
  const { description, ...own } = inline(schema, 'Input')
  return { name, in: place, required, ...(description !== undefined && { description }), schema: own }
}

function isRequired(schema: JsonSchema, name: string): boolean {
  const { required } = schema
  return Array.isArray(required) && required.includes(name)
}

function requestBody(call: CallDescription, inPath: readonly string[], raw: RawBody | undefined): JsonObject {
  const schema = withoutFields(inline(call.input, 'Input'), inPath)
  const required = Array.isArray(schema['required']) && schema['required'].length > 0
  return {
    required,
    content: {
      [JSON_CONTENT_TYPE]: { schema },
      [FRAME_CONTENT_TYPE]: { schema: binary('The same fields as one frame; tensors may have `data` as attachment in place of `values`.') },
      ...(raw && { '*/*': { schema: binary('One encoded picture, sound or the like, as it is.') } }),
    },
  }
}

function withoutFields(schema: JsonObject, names: readonly string[]): JsonObject {
  const { properties, required, ...rest } = schema
  const kept = Object.entries((properties ?? {}) as JsonObject).filter(([name]) => !names.includes(name))
  const needed = Array.isArray(required) ? required.filter((name) => !names.includes(name as string)) : []
  return { ...rest, properties: Object.fromEntries(kept), ...(needed.length > 0 && { required: needed }) }
}

function success(call: CallDescription): JsonObject {
  const output = inline(call.output, '')
  const events = call.events && inline(call.events, '')
  return {
    description: call.endless ? 'The stream of events.' : 'Done.',
    headers: { 'soma-call': { $ref: '#/components/headers/soma-call' } },
    content: {
      ...(!call.endless && { [JSON_CONTENT_TYPE]: { schema: output } }),
      ...(events && {
        [SSE_CONTENT_TYPE]: { schema: { type: 'string', description: 'Server-sent events; their data is as in the NDJSON form.' } },
        [NDJSON_CONTENT_TYPE]: { schema: streamPart(events, output) },
      }),
      [FRAME_CONTENT_TYPE]: {
        schema: binary(events ? 'Frames of the same parts.' : 'The same as one frame, tensors with `data` as attachment.'),
      },
    },
  }
}

function streamPart(events: JsonObject, output: JsonObject): JsonObject {
  const one = (name: string, schema: JsonObject): JsonObject => ({ type: 'object', properties: { [name]: schema }, required: [name] })
  return { oneOf: [one('event', events), one('output', output), one('error', { $ref: '#/components/schemas/Problem' })] }
}

function binary(description: string): JsonObject {
  return { description, type: 'string', contentMediaType: FRAME_CONTENT_TYPE }
}

/** One response per status, naming the codes that share it. */
function failures(codes: readonly ErrorCode[]): JsonObject {
  const byStatus = Map.groupBy(new Set(codes), (code) => errorCodes[code].http)
  const sorted = [...byStatus].sort(([a], [b]) => a - b)
  return Object.fromEntries(sorted.map(([status, group]) => [String(status), failure(group)]))
}

function failure(codes: readonly ErrorCode[]): JsonObject {
  const schema = {
    allOf: [{ $ref: '#/components/schemas/Problem' }, { type: 'object', properties: { code: { enum: [...codes] } } }],
  }
  return {
    description: codes.map((code) => `\`${code}\`: ${errorCodes[code].summary}`).join(' '),
    headers: { 'soma-call': { $ref: '#/components/headers/soma-call' } },
    content: { [PROBLEM_CONTENT_TYPE]: { schema } },
  }
}
