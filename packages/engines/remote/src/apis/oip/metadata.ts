import type { Signature, TensorSpec } from '@soma/spec'
import { z } from 'zod'
import { loadFailed } from '../../errors.ts'
import { readJson } from '../../http/read.ts'
import type { Target } from '../api.ts'
import { dtypeOf } from './datatypes.ts'

const Tensors = z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number().int()) }))
const ModelMetadata = z.object({ inputs: Tensors, outputs: Tensors })
const ServerMetadata = z.object({ extensions: z.array(z.string()).default([]) })

/** Servers that take and give tensors as bytes say so by this name. */
const BINARY_EXTENSION = 'binary_tensor_data'

/** `GET /v2/models/{model}` */
export async function readSignature({ connection, model }: Target, signal: AbortSignal): Promise<Signature> {
  const response = await connection.send(`/v2/models/${encodeURIComponent(model)}`, { method: 'GET', signal })
  const { inputs, outputs } = await readJson(connection.origin, response, ModelMetadata)
  return { inputs: inputs.map(specOf), outputs: outputs.map(specOf) }
}

/** `GET /v2`: whether tensors may travel as bytes; as numbers in JSON otherwise. */
export async function takesBytes({ connection }: Target, signal: AbortSignal): Promise<boolean> {
  const response = await connection.send('/v2', { method: 'GET', signal })
  const { extensions } = await readJson(connection.origin, response, ServerMetadata)
  return extensions.includes(BINARY_EXTENSION)
}

function specOf({ name, datatype, shape }: z.output<typeof Tensors>[number]): TensorSpec {
  const dtype = dtypeOf(datatype)
  if (!dtype) throw loadFailed(`the server says that "${name}" is ${datatype}, which is no datatype of the Open Inference Protocol`)
  return { name, dtype, shape: shape.map((size) => (size < 0 ? -1 : size)) }
}
