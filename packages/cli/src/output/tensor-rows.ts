import { type Tensor, type TensorValue, decodeValues } from '@soma/spec'
import { TENSOR_PREVIEW_MAX } from '../limits.ts'
import { type Column, formatTable } from './table.ts'
import type { Terminal } from '../terminal.ts'
import { formatCount } from './units.ts'

/** Texts with this name are prose: lines, and no cells of a table. */
const PROSE = 'text'

/**
 * Outputs that say several things of each of a number of findings (label and score; word, start and end) as one table, a row a finding.
 * @returns undefined for outputs that do not belong together.
 */
export function formatRows(outputs: readonly Tensor[], terminal: Terminal): string[] | undefined {
  if (!areFindings(outputs)) return undefined
  const shared = sharedShape(outputs)
  if (shared.length === 0) return undefined
  const rows = shared.reduce((product, size) => product * size, 1)
  const inner = shared.at(-1) ?? 1
  const columns = outputs.map((tensor) => columnOf(tensor, rows))
  // Of several texts, each with several findings: which text it is.
  const places: Array<Column<number>> =
    rows > inner ? [{ title: '#', value: (row) => String(Math.floor(row / inner)), align: 'right' }] : []
  return formatTable(
    Array.from({ length: rows }, (_, row) => row),
    [...places, ...columns],
    terminal,
  )
}

function areFindings(outputs: readonly Tensor[]): boolean {
  const names = outputs.map(({ name }) => name)
  if (names.includes('start') && names.includes('end')) return true
  const texts = outputs.filter(({ dtype }) => dtype === 'string')
  return outputs.length > 1 && texts.some(({ name }) => name !== PROSE)
}

/** The sizes with which all shapes begin. */
function sharedShape(outputs: readonly Tensor[]): readonly number[] {
  const [first, ...others] = outputs.map(({ shape }) => shape)
  if (!first) return []
  const end = first.findIndex((size, axis) => others.some((shape) => shape[axis] !== size))
  return end === -1 ? first : first.slice(0, end)
}

function columnOf(tensor: Tensor, rows: number): Column<number> {
  const values = decodeValues(tensor.dtype, tensor.data)
  const size = rows === 0 ? 0 : values.length / rows
  const isText = tensor.dtype === 'string'
  return {
    title: tensor.name,
    value: (row) => formatValues(values.slice(row * size, (row + 1) * size)),
    ...(isText ? { shrinks: true } : { align: 'right' as const }),
  }
}

/** The first few values. */
export function formatValues(values: readonly TensorValue[]): string {
  const shown = values.slice(0, TENSOR_PREVIEW_MAX).map((value) => (typeof value === 'number' ? formatNumber(value) : String(value)))
  return shown.join(' ') + (values.length > shown.length ? ' …' : '')
}

export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return Math.abs(value) < 1e6 ? String(value) : formatCount(value)
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6 ? value.toFixed(4) : value.toExponential(2)
}
