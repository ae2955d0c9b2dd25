import { decodeValues, encodeValues } from '@soma/spec'
import type { EndpointAnswer, EndpointRequest, EndpointRoutes } from './model-endpoint.ts'

interface Announced {
  readonly name: string
  readonly shape: readonly number[]
  readonly datatype: string
  readonly parameters?: { readonly binary_data_size?: number }
  readonly data?: readonly number[]
}

const HEADER_LENGTH = 'inference-header-content-length'

/** A server of the Open Inference Protocol, version 2, with one model that adds and multiplies two float32 tensors. */
export function oipServer(model: string, { binary }: { readonly binary: boolean }): EndpointRoutes {
  const tensor = (name: string): object => ({ name, datatype: 'FP32', shape: [2, -1] })
  const json = (value: object): EndpointAnswer => ({ body: JSON.stringify(value) })
  return {
    'GET /v2': () => json({ name: 'fake', version: '1', extensions: binary ? ['classification', 'binary_tensor_data'] : [] }),
    [`GET /v2/models/${model}`]: () =>
      json({
        name: model,
        versions: ['1'],
        platform: 'fake',
        inputs: [tensor('a'), tensor('b')],
        outputs: [tensor('sum'), tensor('product')],
      }),
    [`POST /v2/models/${model}/infer`]: (request) => infer(request, binary),
  }
}

function infer(request: EndpointRequest, binary: boolean): EndpointAnswer {
  const length = Number(request.headers[HEADER_LENGTH] ?? request.body.byteLength)
  const header = JSON.parse(Buffer.from(request.body.subarray(0, length)).toString('utf8')) as {
    readonly inputs: readonly [Announced, Announced]
    readonly outputs?: ReadonlyArray<{ readonly name: string }>
  }
  let offset = length
  const [a, b] = header.inputs.map(({ data, parameters }) => {
    const sizeBytes = parameters?.binary_data_size
    if (sizeBytes === undefined) return data ?? []
    return decodeValues('float32', request.body.subarray(offset, (offset += sizeBytes))) as number[]
  }) as [number[], number[]]
  const { shape } = header.inputs[0]
  const all = { sum: a.map((value, index) => value + (b[index] ?? 0)), product: a.map((value, index) => value * (b[index] ?? 0)) }
  const wanted = header.outputs?.map(({ name }) => name) ?? Object.keys(all)
  const outputs = Object.entries(all).filter(([name]) => wanted.includes(name))
  return binary
    ? inBytes(outputs, shape)
    : { body: JSON.stringify({ outputs: outputs.map(([name, data]) => ({ name, datatype: 'FP32', shape, data })) }) }
}

function inBytes(outputs: ReadonlyArray<readonly [string, number[]]>, shape: readonly number[]): EndpointAnswer {
  const bytes = outputs.map(([, values]) => encodeValues('float32', values))
  const described = outputs.map(([name], index) => ({
    name,
    datatype: 'FP32',
    shape,
    parameters: { binary_data_size: bytes[index]?.byteLength },
  }))
  const header = Buffer.from(JSON.stringify({ model_name: 'm', outputs: described }))
  return {
    headers: { 'content-type': 'application/octet-stream', [HEADER_LENGTH]: String(header.byteLength) },
    body: Buffer.concat([header, ...bytes]),
  }
}
