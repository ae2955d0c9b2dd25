import { parseJson } from '@soma/core'
import {
  type EngineContext,
  type InferRequest,
  type InferResponse,
  type Tensor,
  checkTensorBytes,
  decodeValues,
  encodeValues,
} from '@soma/spec'
import { z } from 'zod'
import { unreadable } from '../../errors.ts'
import { readBytes } from '../../http/read.ts'
import { ANSWER_BYTES_MAX } from '../../limits.ts'
import type { Target } from '../api.ts'
import { datatypeOf, dtypeOf } from './datatypes.ts'

/** Where in a body the JSON ends and the tensors’ bytes begin. */
const HEADER_LENGTH = 'inference-header-content-length'

const Output = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  parameters: z.object({ binary_data_size: z.number().int().nonnegative().optional() }).nullish(),
  data: z.array(z.unknown()).optional(),
})
const Answer = z.object({ outputs: z.array(Output) })

/** `POST /v2/models/{model}/infer`, tensors as bytes where the server takes them so. */
export async function infer(
  { connection, model }: Target,
  asBytes: boolean,
  { inputs, outputs }: InferRequest,
  { signal }: EngineContext,
): Promise<InferResponse> {
  const wanted = outputs?.map((name) => ({ name, ...(asBytes && { parameters: { binary_data: true } }) }))
  const header = {
    inputs: inputs.map((tensor) => (asBytes ? announced(tensor) : written(tensor))),
    ...(wanted && { outputs: wanted }),
    ...(asBytes && !wanted && { parameters: { binary_data_output: true } }),
  }
  const path = `/v2/models/${encodeURIComponent(model)}/infer`
  const sent = asBytes ? withBytes(header, inputs) : { body: header }
  const response = await connection.send(path, { ...sent, signal })
  const body = await readBytes(response, ANSWER_BYTES_MAX)
  const length = Number(response.headers.get(HEADER_LENGTH) ?? body.byteLength)
  return { outputs: readOutputs(connection.origin, body, length) }
}

function describe({ name, dtype, shape }: Tensor): object {
  return { name, datatype: datatypeOf(dtype), shape }
}

function announced(tensor: Tensor): object {
  return { ...describe(tensor), parameters: { binary_data_size: tensor.data.byteLength } }
}

function written(tensor: Tensor): object {
  return { ...describe(tensor), data: decodeValues(tensor.dtype, tensor.data) }
}

function withBytes(header: object, inputs: readonly Tensor[]): { body: Uint8Array; headers: Record<string, string> } {
  const json = Buffer.from(JSON.stringify(header))
  const body = Buffer.concat([json, ...inputs.map(({ data }) => data)])
  return { body, headers: { 'content-type': 'application/octet-stream', [HEADER_LENGTH]: String(json.byteLength) } }
}

function readOutputs(origin: string, body: Uint8Array, headerBytes: number): Tensor[] {
  const parsed = Answer.safeParse(readHeader(origin, body.subarray(0, headerBytes)))
  if (!parsed.success) throw unreadable(origin, `an inference that is not of its API: ${parsed.error.issues[0]?.message ?? ''}`)
  let offset = headerBytes
  return parsed.data.outputs.map(({ name, datatype, shape, parameters, data }) => {
    const dtype = dtypeOf(datatype)
    if (!dtype) throw unreadable(origin, `output "${name}" of datatype ${datatype}`)
    const sizeBytes = parameters?.binary_data_size
    const bytes = sizeBytes === undefined ? encodeValues(dtype, flat(data) as number[]) : body.subarray(offset, (offset += sizeBytes))
    const tensor = { name, dtype, shape, data: bytes }
    checkTensorBytes(tensor)
    return tensor
  })
}

function readHeader(origin: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, 'the inference')
  } catch (cause) {
    throw unreadable(origin, 'something that is not JSON', cause)
  }
}

/** Nested lists are allowed by the protocol, too. */
function flat(data: readonly unknown[] | undefined): unknown[] {
  return (data ?? []).flat(Number.POSITIVE_INFINITY)
}
