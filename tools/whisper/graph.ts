import { encodeValues } from '@soma/spec'
import { type OnnxAttribute, type OnnxNode, type OnnxTensor, type OnnxValue, writeOnnxModel } from '@soma/testkit/onnx'
import type { Variable } from './ctranslate2.ts'

/** An ONNX graph that is written down as the formulas it stands for. Every method gives the name of its result. */
export class Graph {
  readonly #weights: ReadonlyMap<string, Variable>
  readonly #nodes: OnnxNode[] = []
  readonly #constants = new Map<string, OnnxTensor>()

  constructor(weights: ReadonlyMap<string, Variable>) {
    this.#weights = weights
  }

  op(op: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}, count = 1): string {
    const outputs = Array.from({ length: count }, (_, index) => `${op.toLowerCase()}_${this.#nodes.length}${index > 0 ? `_${index}` : ''}`)
    this.#nodes.push({ op, inputs, outputs, attributes })
    return outputs[0] ?? ''
  }

  ints(...values: readonly number[]): string {
    const name = `ints_${values.join('_')}`
    this.#constants.set(name, { name, dtype: 'int64', shape: [values.length], data: encodeValues('int64', [...values]) })
    return name
  }

  float(value: number): string {
    const name = `float_${value}`
    this.#constants.set(name, { name, dtype: 'float32', shape: [], data: encodeValues('float32', [value]) })
    return name
  }

  /** A variable in float32; half of that is what stands in the file. Whoever loads it computes the rest once. */
  weight(name: string): string {
    const { dtype, shape, data } = this.variable(name)
    if (this.#constants.has(name)) return `${name}:float32`
    this.#constants.set(name, { name, dtype, shape, data })
    this.#nodes.push({ op: 'Cast', inputs: [name], outputs: [`${name}:float32`], attributes: { to: 1n } })
    return `${name}:float32`
  }

  variable(name: string): Variable {
    const variable = this.#weights.get(name)
    if (!variable) throw new Error(`the weights have no ${name}`)
    return variable
  }

  /** `x · Wᵀ + b`. */
  linear(x: string, name: string): string {
    const product = this.op('MatMul', [x, this.op('Transpose', [this.weight(`${name}/weight`)])])
    return this.op('Add', [product, this.weight(`${name}/bias`)])
  }

  norm(x: string, name: string): string {
    return this.op('LayerNormalization', [x, this.weight(`${name}/gamma`), this.weight(`${name}/beta`)], { axis: -1n, epsilon: 1e-5 })
  }

  /** `x/2 · (1 + erf(x/√2))`. */
  gelu(x: string): string {
    const erf = this.op('Erf', [this.op('Mul', [x, this.float(Math.SQRT1_2)])])
    return this.op('Mul', [this.op('Mul', [x, this.float(0.5)]), this.op('Add', [erf, this.float(1)])])
  }

  /** Equal parts of the last axis. */
  split(x: string, parts: number): string[] {
    const first = this.op('Split', [x], { axis: -1n }, parts)
    return Array.from({ length: parts }, (_, index) => (index === 0 ? first : `${first}_${index}`))
  }

  slice(x: string, from: string, to: string, axis: number): string {
    return this.op('Slice', [x, from, to, this.ints(axis)])
  }

  /** The size of one axis, as a list of one. */
  size(x: string, axis: number): string {
    return this.op('Shape', [x], { start: BigInt(axis), end: BigInt(axis + 1) })
  }

  write(
    inputs: readonly OnnxValue[],
    outputs: Readonly<Record<string, OnnxValue>>,
    metadata: Readonly<Record<string, string>>,
  ): Uint8Array {
    const named = Object.entries(outputs).map(([result, { name }]) => ({ op: 'Identity', inputs: [result], outputs: [name] }))
    return writeOnnxModel({
      inputs,
      outputs: Object.values(outputs),
      nodes: [...this.#nodes, ...named],
      initializers: [...this.#constants.values()],
      metadata,
    })
  }
}
