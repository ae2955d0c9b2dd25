import type { InferRequest, InferResponse, Signature, Tensor, TensorSpec } from '@soma/spec'
import { BATCH_BYTES_MAX } from './limits.ts'

/** How the graph calls a dimension along which examples lie. */
const BATCH_NAME = /batch/i

/** Whether every input and output has a free first dimension: then examples of several requests may be laid one after the other. */
export function isBatchable({ inputs, outputs }: Signature): boolean {
  const isFree = ({ shape }: TensorSpec): boolean => shape !== null && shape[0] === -1
  return inputs.length > 0 && outputs.length > 0 && inputs.every(isFree) && outputs.every(isFree)
}

/**
 * Whether the graph itself calls the first dimension a batch, by the same name everywhere. A free first dimension alone may be time:
 * what lies along that must not be joined.
 */
export function namesBatch(firstDimensions: ReadonlyArray<string | number | undefined>): boolean {
  const [first] = firstDimensions
  return typeof first === 'string' && BATCH_NAME.test(first) && firstDimensions.every((name) => name === first)
}

/** Examples in a request; undefined when its inputs do not agree, so that it can only be run alone. */
export function rowsOf({ inputs }: InferRequest): number | undefined {
  const rows = inputs[0]?.shape[0]
  return rows !== undefined && rows > 0 && inputs.every(({ shape, dtype }) => shape[0] === rows && dtype !== 'string') ? rows : undefined
}

/** Whether two requests may be run as one: the same tensors in all but the first dimension. */
export function fitTogether(a: InferRequest, b: InferRequest): boolean {
  if (a.inputs.length !== b.inputs.length || a.outputs?.join('\n') !== b.outputs?.join('\n')) return false
  return a.inputs.every((tensor) => {
    const other = b.inputs.find(({ name }) => name === tensor.name)
    return other !== undefined && other.dtype === tensor.dtype && sameButFirst(tensor.shape, other.shape)
  })
}

export function sizeOf({ inputs }: InferRequest): number {
  return inputs.reduce((sum, { data }) => sum + data.byteLength, 0)
}

/** From the front of the queue, what can be run with its first request. @returns their indexes, that of the first among them. */
export function nextBatch(queue: readonly InferRequest[], rowsMax: number): number[] {
  const [first] = queue
  const firstRows = first && rowsOf(first)
  if (!first || firstRows === undefined) return first ? [0] : []
  const chosen = [0]
  let rows = firstRows
  let bytes = sizeOf(first)
  for (const [index, request] of queue.entries()) {
    if (index === 0 || !fitTogether(first, request)) continue
    const more = rowsOf(request)
    if (more === undefined || rows + more > rowsMax || bytes + sizeOf(request) > BATCH_BYTES_MAX) continue
    chosen.push(index)
    rows += more
    bytes += sizeOf(request)
  }
  return chosen
}

/** One request of all, one after the other along the first dimension. */
export function merge(requests: readonly InferRequest[]): InferRequest {
  const [first] = requests
  if (!first || requests.length === 1) return first ?? { inputs: [] }
  const inputs = first.inputs.map(({ name, dtype, shape }): Tensor => {
    const parts = requests.map((request) => request.inputs.find((tensor) => tensor.name === name) as Tensor)
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0)
    return { name, dtype, shape: [rows, ...shape.slice(1)], data: concat(parts.map(({ data }) => data)) }
  })
  return { inputs, ...(first.outputs && { outputs: first.outputs }) }
}

/** Each request's part of the answer; undefined when the answer does not have as many rows, so that nobody knows whose they are. */
export function split({ outputs }: InferResponse, rows: readonly number[]): InferResponse[] | undefined {
  const total = rows.reduce((sum, count) => sum + count, 0)
  if (outputs.some(({ shape, dtype }) => shape[0] !== total || dtype === 'string')) return undefined
  let from = 0
  return rows.map((count) => {
    const start = from
    from += count
    return { outputs: outputs.map((tensor) => rowsFrom(tensor, start, count)) }
  })
}

/** A copy, so that one answer does not keep all of them in memory. */
function rowsFrom({ name, dtype, shape, data }: Tensor, start: number, count: number): Tensor {
  const rowBytes = shape[0] ? data.byteLength / shape[0] : 0
  return { name, dtype, shape: [count, ...shape.slice(1)], data: data.slice(start * rowBytes, (start + count) * rowBytes) }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

function sameButFirst(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => index === 0 || size === b[index])
}
