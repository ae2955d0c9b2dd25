import type { JsonSchema, JsonValue } from './json-schema.ts'

/** A JSON Schema as a reader of TypeScript would write it: `string`, `"a" | "b"`, `{ name: string; shape?: integer[] }`. */
export function typeText(schema: JsonValue | undefined): string {
  if (!isSchema(schema)) return 'any'
  const { $ref, anyOf, oneOf, const: literal, enum: values, type } = schema
  if (typeof $ref === 'string') return $ref.slice($ref.lastIndexOf('/') + 1)
  if (literal !== undefined) return JSON.stringify(literal)
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ')
  const union = anyOf ?? oneOf
  if (Array.isArray(union)) return union.map(typeText).join(' | ')
  if (Array.isArray(type)) return type.join(' | ')
  if (type === 'array') return arrayText(schema['items'])
  if (type === 'object') return objectText(schema)
  return typeof type === 'string' ? type : 'any'
}

export function isSchema(value: JsonValue | undefined): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Fields of an object schema, and whether each must be there. */
export function fieldsOf(
  schema: JsonSchema,
): ReadonlyArray<{ readonly name: string; readonly schema: JsonSchema; readonly required: boolean }> {
  const { properties, required } = schema
  if (!isSchema(properties)) return []
  const needed = Array.isArray(required) ? required : []
  return Object.entries(properties).map(([name, field]) => ({
    name,
    schema: isSchema(field) ? field : {},
    required: needed.includes(name),
  }))
}

function arrayText(items: JsonValue | undefined): string {
  const text = typeText(items)
  return / \| /.test(text) && !text.startsWith('{') ? `(${text})[]` : `${text}[]`
}

function objectText(schema: JsonSchema): string {
  const fields = fieldsOf(schema)
  if (fields.length > 0)
    return `{ ${fields.map(({ name, schema, required }) => `${name}${required ? '' : '?'}: ${typeText(schema)}`).join('; ')} }`
  const { additionalProperties } = schema
  return isSchema(additionalProperties) ? `{ [key]: ${typeText(additionalProperties)} }` : '{}'
}
