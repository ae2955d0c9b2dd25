import type { CallDescription, JsonSchema, JsonValue } from '@soma/spec'

/** A JSON object under construction. */
export type JsonObject = { [key: string]: JsonValue }

/** Where the schema is used decides its name: what goes in may leave out what has a default, what comes out has it. */
export type Use = 'Input' | ''

/** The named schemas of all calls. Those that clients send have `Input` behind their name. */
export function componentSchemas(calls: readonly CallDescription[]): JsonObject {
  const found: JsonObject = {}
  const collect = (schema: JsonSchema | undefined, use: Use): void => {
    const definitions = (schema?.['$defs'] ?? {}) as Record<string, JsonSchema>
    for (const [id, definition] of Object.entries(definitions)) found[`${id}${use}`] = inline(definition, use)
  }
  for (const { input, output, events } of calls) {
    collect(input, 'Input')
    collect(output, '')
    collect(events, '')
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A call's own schema with its references pointing at the components. */
export function inline(schema: JsonSchema, use: Use): JsonObject {
  const { $defs: _, ...own } = schema
  return rewrite(own, use) as JsonObject
}

function rewrite(value: JsonValue, use: Use): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => rewrite(item, use))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === '$ref' && typeof item === 'string' ? item.replace('#/$defs/', '#/components/schemas/') + use : rewrite(item, use),
    ]),
  )
}
