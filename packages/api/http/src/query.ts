import type { JsonSchema } from '@soma/spec'

/** How the text of a query parameter becomes an input field's value. */
export interface QueryField {
  readonly type: string
  /** Repeated parameters make a list; so does a single one. */
  readonly list: boolean
}
export type QueryFields = ReadonlyMap<string, QueryField>

/** The coercions that an input schema asks for. */
export function queryFields(input: JsonSchema): QueryFields {
  const fields = Object.entries((input['properties'] ?? {}) as Record<string, JsonSchema>)
  return new Map(fields.map(([name, schema]) => [name, queryField(schema)]))
}

function queryField(schema: JsonSchema): QueryField {
  const list = schema['type'] === 'array'
  const element = list ? ((schema['items'] ?? {}) as JsonSchema) : schema
  return { type: typeof element['type'] === 'string' ? element['type'] : 'any', list }
}

/**
 * The parameters as input fields. What does not read as its type stays text, and what no field is named after stays
 * too: the call's own schema refuses both, in its own words.
 */
export function readQuery(query: URLSearchParams, fields: QueryFields): Record<string, unknown> {
  const names = [...new Set(query.keys())]
  return Object.fromEntries(names.map((name) => [name, fieldValue(query.getAll(name), fields.get(name))]))
}

function fieldValue(texts: readonly string[], field: QueryField | undefined): unknown {
  const values = texts.map((text) => coerce(text, field?.type))
  return field?.list || values.length > 1 ? values : values[0]
}

function coerce(text: string, type: string | undefined): unknown {
  if (type === 'number' || type === 'integer') return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return text
}
