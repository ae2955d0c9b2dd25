import {
  type Dtype,
  type Signature,
  type Tensor,
  type TensorSpec,
  dtypeSizeBytes,
  elementCount,
  encodeStrings,
  encodeValues,
} from '@soma/spec'

/** A request that does not fit the signature, and the input that the refusal must name. */
export interface Misfit {
  readonly what: string
  readonly input: string
  readonly inputs: readonly Tensor[]
}

/** Every way not to fit that this signature has, made from a request that fits. */
export function misfits(signature: Signature, inputs: readonly Tensor[]): Misfit[] {
  const found: Misfit[] = [{ what: 'an unknown input', input: 'no-such-input', inputs: [...inputs, zeros('no-such-input', 'uint8', [1])] }]
  for (const tensor of inputs) {
    const spec = signature.inputs.find(({ name }) => name === tensor.name)
    if (!spec) continue
    const others = inputs.filter((other) => other !== tensor)
    const replaced = (what: string, by: readonly Tensor[]): Misfit => ({
      what: `${what} of "${tensor.name}"`,
      input: tensor.name,
      inputs: [...others, ...by],
    })
    if (spec.optional !== true) found.push(replaced('the lack', []))
    found.push(replaced('a double', [tensor, tensor]))
    found.push(...wrongTensors(spec, tensor).map(([what, wrong]) => replaced(what, [wrong])))
  }
  return found
}

function wrongTensors(spec: TensorSpec, tensor: Tensor): Array<[string, Tensor]> {
  const { name, dtype, shape } = tensor
  const wrong: Array<[string, Tensor]> = [
    ['the dtype', zeros(name, dtype === 'float32' ? 'int32' : 'float32', shape)],
    [
      'the byte count',
      { ...tensor, data: dtype === 'string' ? encodeStrings(['too', 'many', ...shape.map(String)]) : longer(tensor.data) },
    ],
  ]
  if (spec.shape !== null) wrong.push(['the rank', { ...tensor, shape: [...shape, 1] }])
  const fixed = spec.shape?.findIndex((size) => size >= 0) ?? -1
  if (fixed >= 0) wrong.push(['a fixed size', zeros(name, dtype, shape.with(fixed, (shape[fixed] ?? 0) + 1))])
  if (spec.finite === true)
    wrong.push(['the finiteness', { ...zeros(name, dtype, shape), data: encodeValues(dtype, Array(elementCount(shape)).fill('NaN')) }])
  return wrong
}

function longer(data: Uint8Array): Uint8Array {
  const longer = new Uint8Array(data.byteLength + 1)
  longer.set(data)
  return longer
}

function zeros(name: string, dtype: Dtype, shape: readonly number[]): Tensor {
  const elements = elementCount(shape)
  const data = dtype === 'string' ? encodeStrings(Array(elements).fill('')) : new Uint8Array(elements * dtypeSizeBytes(dtype))
  return { name, dtype, shape, data }
}
