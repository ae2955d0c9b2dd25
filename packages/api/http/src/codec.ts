import { SomaError, parseJson } from '@soma/core'
import { FRAME_CONTENT_TYPE, type Tensor, decodeFrame, elementCount, encodeFrame, tensorToJson } from '@soma/spec'
import { JSON_ELEMENTS_MAX } from './limits.ts'
import type { CallRoute } from './call-route.ts'
import { readQuery } from './query.ts'
import type { EndpointRequest } from './routes.ts'

export const JSON_CONTENT_TYPE = 'application/json'

/** What of a request its input is made of, besides its path. */
export interface RequestContent {
  /** Without `?`. */
  readonly query: string
  /** The Content-Type header, if any. */
  readonly contentType: string | undefined
  readonly body: Uint8Array
}

type Fields = Readonly<Record<string, unknown>>

/**
 * The call's input: body, query and path together. Whether it is valid is the call's business.
 * @throws {SomaError} `call/malformed`, `call/unsupported-media-type`; `call/invalid-input` for a field given twice.
 */
export function readInput(route: CallRoute, { parameters, query, contentType, body }: EndpointRequest): unknown {
  const type = mediaType(contentType)
  const raw = body.byteLength > 0 && type !== JSON_CONTENT_TYPE && type !== FRAME_CONTENT_TYPE ? rawReader(route, type) : undefined
  const search = query === '' ? undefined : new URLSearchParams(query)
  const content = raw ? raw.read(body, takeParameters(search, raw.parameters)) : decodeBody(type, body)
  const fields = search && search.size > 0 ? merge(readQuery(search, route.query), parameters) : parameters
  // Any other value is refused by the call's schema, in its own words.
  return typeof content === 'object' && content !== null && !Array.isArray(content) ? merge(content as Fields, fields) : content
}

function decodeBody(type: string, body: Uint8Array): unknown {
  if (body.byteLength === 0) return {}
  return type === FRAME_CONTENT_TYPE ? decodeFrame(body) : parseJson(body, 'the request body')
}

function rawReader({ call, definition }: CallRoute, type: string): NonNullable<CallRoute['definition']['raw']> {
  if (definition.raw) return definition.raw
  throw new SomaError(
    'call/unsupported-media-type',
    `${call} takes ${JSON_CONTENT_TYPE} or ${FRAME_CONTENT_TYPE}, not ${type === '' ? 'a body without content type' : type.slice(0, 100)}`,
  )
}

/** Removes the parameters that say how to read a raw body, so that they are not taken for input fields. */
function takeParameters(search: URLSearchParams | undefined, wanted: Readonly<Record<string, string>>): Record<string, string> {
  const found = Object.keys(wanted).flatMap((name) => {
    const value = search?.get(name)
    search?.delete(name)
    return typeof value === 'string' ? [[name, value] as const] : []
  })
  return Object.fromEntries(found)
}

/** Spreading copies own fields only, `__proto__` among them as plain data: nothing reaches a prototype. */
function merge(content: Fields, fields: Fields): Fields {
  const names = Object.keys(fields)
  if (names.length === 0) return content
  const twice = names.find((name) => Object.hasOwn(content, name) && content[name] !== fields[name])
  if (twice !== undefined)
    throw new SomaError('call/invalid-input', `"${twice}" is given more than once, with different values`, { details: { field: twice } })
  return { ...content, ...fields }
}

/** The bare, lower-case media type. @throws {SomaError} `call/unsupported-media-type` for JSON in another charset. */
export function mediaType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === JSON_CONTENT_TYPE) return contentType ?? ''
  const [type = '', ...parameters] = contentType.toLowerCase().split(';')
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='))
  if (charset && type.trim() === JSON_CONTENT_TYPE && !/^charset="?utf-?8"?$/.test(charset))
    throw new SomaError('call/unsupported-media-type', `JSON is UTF-8, not ${charset.slice(0, 40)}`)
  return type.trim()
}

/** A value as JSON text, tensors with `values`: binary never hides in JSON. */
export function encodeJson(value: unknown, binary: boolean): string {
  return JSON.stringify(binary && holdsBytes(value) ? withoutBinary(value) : value) ?? 'null'
}

/** A value as one frame, tensors as attachments. */
export function encodeBinary(value: unknown): readonly Uint8Array[] {
  return encodeFrame(value)
}

/** Looks before anything is copied: most values that may hold tensors are large or many, and hold none. */
function holdsBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof Uint8Array) return true
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && holdsBytes(item)) return true
    return false
  }
  for (const key in value) if (holdsBytes((value as Fields)[key])) return true
  return false
}

function withoutBinary(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutBinary)
  if (isTensor(value)) return tensorValues(value)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutBinary(item)]))
}

function isTensor(value: object): value is Tensor {
  return 'data' in value && value.data instanceof Uint8Array && 'dtype' in value && 'shape' in value
}

function tensorValues(tensor: Tensor): unknown {
  const elements = elementCount(tensor.shape)
  if (elements > JSON_ELEMENTS_MAX)
    throw new SomaError(
      'call/too-large',
      `tensor "${tensor.name}" has ${elements} elements, too many for JSON; ask with Accept: ${FRAME_CONTENT_TYPE}`,
      { details: { tensor: tensor.name, elements, elementsMax: JSON_ELEMENTS_MAX } },
    )
  return tensorToJson(tensor)
}
