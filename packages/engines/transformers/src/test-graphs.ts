import { type Dtype, encodeValues } from '@soma/spec'
import { type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValue, writeOnnxModel } from '@soma/testkit/onnx'

/** A graph written as nested operators: each call adds a node and gives the name of what it computes. */
export class Graph {
  readonly #inputs: OnnxValue[] = []
  readonly #outputs: OnnxValue[] = []
  readonly #nodes: OnnxNode[] = []
  readonly #constants: OnnxTensor[] = []
  #names = 0

  input(name: string, dtype: Dtype, rank: number): string {
    this.#inputs.push(valueOf(name, dtype, rank))
    return name
  }

  /** Numbers row by row, or a list. */
  constant(rows: ReadonlyArray<readonly number[]> | readonly number[], dtype: Dtype = 'float32'): string {
    const name = this.#name()
    const [first] = rows
    const shape = Array.isArray(first) ? [rows.length, first.length] : [rows.length]
    this.#constants.push({ name, dtype, shape, data: encodeValues(dtype, (rows as ReadonlyArray<number | readonly number[]>).flat()) })
    return name
  }

  op(op: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    const name = this.#name()
    this.#nodes.push({ op, inputs, outputs: [name], attributes })
    return name
  }

  mean(value: string, axes: readonly bigint[], keep = false): string {
    return this.op('ReduceMean', [value], { axes, keepdims: keep ? 1n : 0n })
  }

  sum(value: string, axis: number, keep = false): string {
    return this.op('ReduceSum', [value, this.constant([axis], 'int64')], { keepdims: keep ? 1n : 0n })
  }

  output(name: string, value: string, rank: number, dtype: Dtype = 'float32'): this {
    this.#nodes.push({ op: 'Identity', inputs: [value], outputs: [name] })
    this.#outputs.push(valueOf(name, dtype, rank))
    return this
  }

  write(): Uint8Array {
    const model: OnnxModel = { inputs: this.#inputs, outputs: this.#outputs, nodes: this.#nodes, initializers: this.#constants }
    return writeOnnxModel(model)
  }

  #name(): string {
    return `v${this.#names++}`
  }
}

function valueOf(name: string, dtype: Dtype, rank: number): OnnxValue {
  return { name, dtype, shape: Array.from({ length: rank }, (_, axis) => `${name}_${axis}`) }
}

/** A matrix [rows, columns] of zeros but for these. */
export function sparse(rows: number, columns: number, values: ReadonlyArray<readonly [number, number, number]>): number[][] {
  const matrix = Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0))
  for (const [row, column, value] of values) {
    const target = matrix[row]
    if (target) target[column] = value
  }
  return matrix
}
