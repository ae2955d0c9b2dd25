import { SomaError, defined } from '@soma/core'
import { type Tensor, decodeStrings, encodeStrings } from '@soma/spec'
import type { Feeds, LibraryTensor } from './library.ts'

/** The strings of an input; undefined when an optional one did not come. */
export function stringsOf(inputs: readonly Tensor[], name: string): string[] | undefined {
  const input = inputs.find((tensor) => tensor.name === name)
  return input && decodeStrings(input.data)
}

/** The only string of an input of one. */
export function stringOf(inputs: readonly Tensor[], name: string): string {
  return defined(stringsOf(inputs, name)?.[0], 'a required input of one string is there')
}

export function bytesOf(inputs: readonly Tensor[], name: string): Uint8Array {
  return defined(
    inputs.find((tensor) => tensor.name === name),
    'a required input is there',
  ).data
}

export function strings(name: string, values: readonly string[], shape: readonly number[] = [values.length]): Tensor {
  return { name, dtype: 'string', shape, data: encodeStrings(values) }
}

export function floats(name: string, values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return { name, dtype: 'float32', shape, data: new Uint8Array(Float32Array.from(values).buffer) }
}

export function integers(name: string, values: readonly number[]): Tensor {
  return { name, dtype: 'int32', shape: [values.length], data: new Uint8Array(Int32Array.from(values).buffer) }
}

/**
 * An output of the model as float32.
 * @throws {SomaError} `engine/failed` when it has none of this name.
 */
export function outputOf(outputs: Feeds, name: string): LibraryTensor {
  const tensor = outputs[name]
  if (!tensor)
    throw new SomaError('engine/failed', `the model gave ${Object.keys(outputs).join(', ')}, but not ${name}: it is not of this task`)
  return tensor.type === 'float32' ? tensor : tensor.to('float32')
}

/** Row `index` of what is left of a tensor when its last dimension is a row. */
export function row({ data, dims }: LibraryTensor, index: number): number[] {
  const width = dims.at(-1) ?? 1
  return Array.from({ length: width }, (_, column) => data[index * width + column] ?? 0)
}

export function softmax(logits: readonly number[]): number[] {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const powers = logits.map((logit) => Math.exp(logit - highest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}

export interface Scored {
  readonly label: string
  readonly score: number
}

/** Best first; equal ones in their own order. */
export function ranked<Item extends { readonly score: number }>(items: readonly Item[], max: number): Item[] {
  return items.toSorted((a, b) => b.score - a.score).slice(0, max)
}
