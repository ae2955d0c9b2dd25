import { parseJson } from '@soma/core'
import type { ForeignRequest } from '@soma/spec'
import { z } from 'zod'
import { refused } from './errors.ts'

/**
 * A request's fields, checked.
 * @throws {SomaError} `call/invalid-input` with OpenAI's `param` and `code` for the first that does not fit;
 *   `call/malformed`, `call/unsupported-media-type`.
 */
export function readFields<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw issue ? refusal(issue) : refused(null, 'invalid_value', 'the request does not fit')
}

/** The body of a request that takes JSON, checked. @throws {SomaError} as `readFields`, and `call/malformed`. */
export function readJson<Schema extends z.ZodType>(schema: Schema, { body, contentType }: ForeignRequest): z.output<Schema> {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json')
    throw refused(null, 'invalid_content_type', `the body must be application/json, not ${type ?? 'untyped'}`)
  return readFields(schema, parseJson(body, 'the request body'))
}

/** A field that may be there as long as it asks for nothing. */
export function only<const Values extends ReadonlyArray<string | number | boolean>>(
  ...values: Values
): z.ZodType<Values[number] | null | undefined> {
  return z
    .literal(values, { error: () => `only ${values.map((value) => JSON.stringify(value)).join(' or ')} can be honoured here` })
    .nullish()
}

/** A field that says nothing to a model: let through unread. */
export const unread = z.unknown().optional()

function refusal(issue: z.core.$ZodIssue): Error {
  const param = pathText(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const name = pathText([...issue.path, issue.keys[0] ?? ''])
    return refused(name, 'unsupported_parameter', `Unsupported parameter: '${name}'. It cannot be honoured here; leave it out.`)
  }
  const missing = issue.code === 'invalid_type' && issue.message.includes('received undefined')
  if (missing) return refused(param, 'missing_required_parameter', `Missing required parameter: '${param}'.`)
  if (issue.code === 'invalid_value' || issue.code === 'invalid_union' || issue.code === 'custom')
    return refused(param, 'unsupported_value', `Unsupported value: '${param}': ${issue.message}.`)
  return refused(param, issue.code === 'invalid_type' ? 'invalid_type' : 'invalid_value', `Invalid '${param}': ${issue.message}.`)
}

/** `messages[0].content`, as OpenAI writes it. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}
