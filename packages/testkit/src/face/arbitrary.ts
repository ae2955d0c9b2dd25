import { type Dtype, type JsonSchema, dtypeSizeBytes, dtypes, encodeStrings } from '@soma/spec'
import fc from 'fast-check'

/**
 * Values that a schema of the table allows, tensors with bytes of any dtype among them. Numbers and text are drawn from
 * the corners that faces trip over: unicode, empty, long, large, fractional.
 */
export function arbitraryOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  return ofSchema(schema, (schema['$defs'] ?? {}) as Record<string, JsonSchema>)
}

/** Text without a pattern is at most this long: enough for every kind of character. */
const TEXT_LENGTH = 40

type Definitions = Readonly<Record<string, JsonSchema>>

function ofSchema(schema: JsonSchema, definitions: Definitions): fc.Arbitrary<unknown> {
  const { $ref, anyOf, oneOf, const: literal, enum: values, type } = schema
  if (typeof $ref === 'string') return ofReference($ref.slice('#/$defs/'.length), definitions)
  if (literal !== undefined) return fc.constant(literal)
  if (Array.isArray(values)) return fc.constantFrom(...(values as unknown[]))
  const union = (anyOf ?? oneOf) as readonly JsonSchema[] | undefined
  if (union) return fc.oneof(...union.map((part) => ofSchema(part, definitions)))
  if (Array.isArray(type)) return fc.oneof(...type.map((one) => ofSchema({ ...schema, type: one }, definitions)))
  return ofType(typeof type === 'string' ? type : 'any', schema, definitions)
}

function ofReference(id: string, definitions: Definitions): fc.Arbitrary<unknown> {
  return id === 'Tensor' ? tensorArbitrary : ofSchema(definitions[id] ?? {}, definitions)
}

function ofType(type: string, schema: JsonSchema, definitions: Definitions): fc.Arbitrary<unknown> {
  if (type === 'string') return schema['format'] === 'binary' ? fc.uint8Array({ maxLength: TEXT_LENGTH }) : ofString(schema)
  if (type === 'integer') return ofInteger(schema)
  if (type === 'number') return ofNumber(schema)
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'array') return ofArray(schema, definitions)
  if (type === 'object') return ofObject(schema, definitions)
  return jsonArbitrary
}

function ofString({ pattern, maxLength = Infinity, minLength = 0 }: JsonSchema): fc.Arbitrary<string> {
  const [least, most] = [Number(minLength), Number(maxLength)]
  const fits = (text: string): boolean => text.length >= least && text.length <= most
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern)).filter(fits)
  return fc.string({ unit: 'binary', minLength: least, maxLength: Math.min(most, Math.max(least, TEXT_LENGTH)) }).filter(fits)
}

/** Bounds that a number must not reach itself are not drawn exactly: callers leave out what does not parse. */
function ofNumber({ minimum, exclusiveMinimum, maximum }: JsonSchema): fc.Arbitrary<number> {
  const [min, max] = [minimum ?? exclusiveMinimum, maximum].map((bound) => (bound === undefined ? undefined : Number(bound)))
  const bounds = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
  const whole = { ...(min !== undefined && { min: Math.ceil(min) }), ...(max !== undefined && { max: Math.floor(max) }) }
  return fc.oneof(fc.integer(whole), fc.double({ noNaN: true, noDefaultInfinity: true, ...bounds })).map(withoutNegativeZero)
}

function ofInteger({ minimum, exclusiveMinimum, maximum = Number.MAX_SAFE_INTEGER }: JsonSchema): fc.Arbitrary<number> {
  const lowest = Number(minimum ?? (exclusiveMinimum === undefined ? Number.MIN_SAFE_INTEGER : Number(exclusiveMinimum) + 1))
  return fc.oneof(fc.integer({ min: lowest, max: Math.min(Number(maximum), lowest + 100) }), fc.maxSafeInteger()).map((value) => {
    return Math.min(Math.max(value, lowest), Number(maximum))
  })
}

function ofArray({ items, minItems = 0, maxItems = 4 }: JsonSchema, definitions: Definitions): fc.Arbitrary<unknown> {
  return fc.array(ofSchema((items ?? {}) as JsonSchema, definitions), {
    minLength: Number(minItems),
    maxLength: Math.max(Number(minItems), Math.min(Number(maxItems), 4)),
  })
}

function ofObject(schema: JsonSchema, definitions: Definitions): fc.Arbitrary<unknown> {
  const { properties, required = [], additionalProperties } = schema
  if (!properties && typeof additionalProperties === 'object')
    return fc.dictionary(
      fc.string({ unit: 'grapheme', maxLength: 12 }).filter(isPlainKey),
      ofSchema(additionalProperties as JsonSchema, definitions),
      {
        maxKeys: 3,
        noNullPrototype: true,
      },
    )
  const fields = Object.entries((properties ?? {}) as Record<string, JsonSchema>)
  const model = Object.fromEntries(fields.map(([name, field]) => [name, ofSchema(field, definitions)]))
  return fc.record(model, { requiredKeys: required as string[], noNullPrototype: true })
}

/** A key that is no plain field anywhere would test JSON parsers, not faces; the hardening tests do that. */
function isPlainKey(key: string): boolean {
  return key !== '__proto__'
}

/** JSON has no negative zero that survives every writer. */
function withoutNegativeZero(value: number): number {
  return value === 0 ? 0 : value
}

const jsonArbitrary: fc.Arbitrary<unknown> = fc
  .jsonValue({ maxDepth: 3, stringUnit: 'binary' })
  .map((value) => JSON.parse(JSON.stringify(value, (_key, item: unknown) => (item === 0 ? 0 : item))) as unknown)
  .filter((value) => !JSON.stringify(value).includes('"__proto__"'))

const tensorArbitrary = fc
  .record({
    name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  })
  .chain(({ name, dtype, shape }) => tensorData(dtype, shape).map((data) => ({ name, dtype, shape, data })))

function tensorData(dtype: Dtype, shape: readonly number[]): fc.Arbitrary<Uint8Array> {
  const elements = shape.reduce((product, size) => product * size, 1)
  const length = { minLength: elements, maxLength: elements }
  if (dtype === 'string') return fc.array(fc.string({ unit: 'binary', maxLength: 8 }), length).map(encodeStrings)
  const bytes = elements * dtypeSizeBytes(dtype)
  return fc.uint8Array({ minLength: bytes, maxLength: bytes, ...(dtype === 'bool' && { max: 1 }) })
}
