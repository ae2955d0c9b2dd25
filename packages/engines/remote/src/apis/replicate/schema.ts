import { type Dtype, type Signature, type TensorSpec, type Tensor, decodeValues } from '@soma/spec'
import { z } from 'zod'
import { loadFailed } from '../../errors.ts'
import { base64 } from '../images.ts'

const Property = z.looseObject({
  type: z.string().optional(),
  format: z.string().optional(),
  description: z.string().optional(),
  items: z.looseObject({ type: z.string().optional(), format: z.string().optional() }).optional(),
})

/** `replicate.json`, as far as it is needed to ask the model. */
export const ReplicateFileSchema = z.looseObject({
  schemas: z.looseObject({
    Input: z.looseObject({ properties: z.record(z.string(), Property), required: z.array(z.string()).default([]) }),
    Output: Property.optional(),
  }),
})
export type ReplicateFile = z.output<typeof ReplicateFileSchema>

const dtypes: Readonly<Record<string, Dtype>> = { string: 'string', integer: 'int64', number: 'float64', boolean: 'bool' }

/** Whether it continues a prompt with text. */
export function isText({ schemas: { Input, Output } }: ReplicateFile): boolean {
  const said = Output?.type === 'array' ? Output.items : Output
  return Input.properties['prompt']?.type === 'string' && said?.type === 'string' && said.format !== 'uri'
}

/** The inputs by their own names, files as bytes; what comes out is one list of texts, among them addresses of files. */
export function signatureOf({ schemas: { Input } }: ReplicateFile): Signature {
  const inputs = Object.entries(Input.properties).flatMap(([name, property]) => specOf(name, property, Input.required.includes(name)) ?? [])
  return { inputs, outputs: [{ name: 'output', dtype: 'string', shape: [-1] }] }
}

function specOf(name: string, property: z.output<typeof Property>, required: boolean): TensorSpec | undefined {
  const { type, format, description, items } = property
  const shared = { name, ...(!required && { optional: true }), ...(description && { description: description.slice(0, 1000) }) }
  if (type === 'string' && format === 'uri') return { ...shared, dtype: 'uint8', shape: [-1] }
  // A choice refers to its own schema, and is a text.
  const dtype = type === 'array' ? dtypes[items?.type ?? ''] : dtypes[type ?? 'string']
  if (dtype) return { ...shared, dtype, shape: [type === 'array' ? -1 : 1] }
  if (required) throw loadFailed(`its input "${name}" is of type ${type}, which is no tensor`)
  return undefined
}

/** Tensors as the model takes them: single values, lists, files as `data:` URLs. */
export function inputOf({ schemas: { Input } }: ReplicateFile, tensors: readonly Tensor[]): Record<string, unknown> {
  return Object.fromEntries(
    tensors.map(({ name, dtype, data }) => {
      if (dtype === 'uint8') return [name, `data:application/octet-stream;base64,${base64(data)}`]
      const values = decodeValues(dtype, data)
      return [name, Input.properties[name]?.type === 'array' ? values : values[0]]
    }),
  )
}
