import { z } from 'zod'
import { TensorJsonSchema } from '../tensor/tensor.ts'

/** A JSON Schema (draft 2020-12), as plain JSON. Named parts are in `$defs` by their `meta` id. */
export type JsonSchema = { readonly [key: string]: JsonValue }
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** `input`: what a client may send, defaults left out. `output`: what it gets, defaults filled in. */
export type SchemaSide = 'input' | 'output'

/**
 * What a value of `schema` looks like in JSON. Tensors carry `values` there: `data` travels only as an attachment.
 * Parts that are any JSON value become `{}`.
 */
export function jsonSchema(schema: z.ZodType, side: SchemaSide): JsonSchema {
  const { $schema: _, ...generated } = z.toJSONSchema(schema, {
    io: side,
    unrepresentable: 'any',
    override: (part) => override(part.zodSchema, part.jsonSchema, side),
  })
  return withoutJsonDefinitions(generated as JsonSchema)
}

function override(zodSchema: z.core.$ZodTypes, target: Record<string, unknown>, side: SchemaSide): void {
  if (target['id'] === 'Tensor' || z.globalRegistry.get(zodSchema)?.id === 'Tensor') describeTensor(target, side)
  else if (side === 'output' && zodSchema._zod.def.type === 'pipe') describePipe(zodSchema as z.core.$ZodPipe, target)
}

function describeTensor(target: Record<string, unknown>, side: SchemaSide): void {
  const { $schema: _, ...json } = z.toJSONSchema(TensorJsonSchema, { io: 'output' })
  const required = side === 'output' ? json.required : json.required?.filter((name) => name !== 'shape')
  for (const key of Object.keys(target)) if (key !== 'id') delete target[key]
  Object.assign(target, json, { required })
}

/** The output side of a transform is code. Ours only brand strings, so that the input side describes it. */
function describePipe(pipe: z.core.$ZodPipe, target: Record<string, unknown>): void {
  if (pipe._zod.def.out._zod.def.type !== 'transform') return
  const { $schema: _, ...before } = z.toJSONSchema(pipe._zod.def.in, { io: 'input', unrepresentable: 'any' })
  Object.assign(target, before)
}

/** zod names recursive parts `__schema<n>`; the only ones we have are `z.json()`, which JSON Schema writes as `{}`. */
function withoutJsonDefinitions(schema: JsonSchema): JsonSchema {
  const anonymous = /^#\/\$defs\/__schema\d+$/
  const strip = (value: JsonValue): JsonValue => {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(strip)
    const isAnonymous = (key: string, item: JsonValue): boolean => key === '$ref' && typeof item === 'string' && anonymous.test(item)
    const kept = Object.entries(value).filter(([key, item]) => !key.startsWith('__schema') && !isAnonymous(key, item))
    return Object.fromEntries(kept.map(([key, item]) => [key, strip(item)]))
  }
  const { $defs, ...stripped } = strip(schema) as JsonSchema
  return $defs && Object.keys($defs).length > 0 ? { ...stripped, $defs } : stripped
}
