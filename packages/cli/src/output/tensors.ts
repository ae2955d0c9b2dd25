import { type Tensor, type TensorValue, decodeValues } from '@soma/spec'
import type { Terminal } from '../terminal.ts'
import { displayWidth, inline, pad } from './text.ts'
import { type Column, formatTable } from './table.ts'
import { formatNumber, formatRows, formatValues } from './tensor-rows.ts'
import { formatBytes } from './units.ts'

/** Outputs of a model for a person: findings as a table, texts as lines with how sure the model is of each, other tensors as a summary. */
export function formatOutputs(outputs: readonly Tensor[], terminal: Terminal): string[] {
  const rows = formatRows(outputs, terminal)
  if (rows) return rows
  const texts = outputs.filter((tensor) => tensor.dtype === 'string')
  const sure = outputs.find((tensor) => isConfidence(tensor, texts))
  const others = outputs.filter((tensor) => tensor.dtype !== 'string' && tensor !== sure)
  const lines = texts.flatMap((tensor) => formatTexts(tensor, texts.length > 1, sure, terminal))
  if (others.length === 0) return lines
  return [...lines, ...(lines.length > 0 ? [''] : []), ...formatTable(others.map(summarise), tensorColumns, terminal)]
}

/** A float a text: `confidence`, `scores`, … of the same length as a text tensor. */
function isConfidence(tensor: Tensor, texts: readonly Tensor[]): boolean {
  const named = /confidence|score|prob/i.test(tensor.name) && tensor.dtype.startsWith('float')
  return named && tensor.shape.length === 1 && texts.some((text) => text.shape.length === 1 && text.shape[0] === tensor.shape[0])
}

function formatTexts(tensor: Tensor, named: boolean, sure: Tensor | undefined, { paint }: Terminal): string[] {
  const texts = decodeValues('string', tensor.data).map(String)
  const confidences = sure && sure.shape[0] === texts.length ? decodeValues(sure.dtype, sure.data).map(Number) : undefined
  const title = named ? [paint.dim(`${inline(tensor.name)}:`)] : []
  if (!confidences) return [...title, ...texts]
  return [...title, ...alignTabs(texts).map((text, index) => `${formatConfidence(confidences[index] ?? 0, paint)}  ${text}`)]
}

/** Texts with tabs are rows of a table (a receipt, a form): their parts go under each other, amounts flush right. */
function alignTabs(texts: readonly string[]): string[] {
  const rows = texts.map((text) => text.split('\t').map((part) => inline(part)))
  const widths: number[] = []
  // A row without tabs is a heading, and as long as it likes.
  for (const row of rows.filter((parts) => parts.length > 1))
    for (const [column, part] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, displayWidth(part))
  return rows.map((row) =>
    row.length === 1
      ? (row[0] ?? '')
      : row
          .map((part, column) => alignPart(part, widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
  )
}

function alignPart(part: string, width: number): string {
  return pad(part, width, /^[-+]?[\d.,]+$/.test(part) ? 'right' : 'left')
}

function formatConfidence(confidence: number, paint: Terminal['paint']): string {
  const text = confidence.toFixed(2)
  return confidence >= 0.9 ? paint.green(text) : confidence >= 0.7 ? paint.yellow(text) : paint.red(text)
}

interface TensorSummary {
  readonly tensor: Tensor
  readonly values: readonly TensorValue[]
}

const tensorColumns: ReadonlyArray<Column<TensorSummary>> = [
  { title: 'output', value: ({ tensor }) => tensor.name, shrinks: true },
  { title: 'type', value: ({ tensor }) => `${tensor.dtype}[${tensor.shape.join(', ')}]` },
  { title: 'size', value: ({ tensor }) => formatBytes(tensor.data.byteLength), align: 'right' },
  { title: 'values', value: ({ values }) => formatValues(values), shrinks: true },
  { title: 'range', value: ({ values }) => formatRange(values) },
]

function summarise(tensor: Tensor): TensorSummary {
  return { tensor, values: decodeValues(tensor.dtype, tensor.data) }
}

function formatRange(values: readonly TensorValue[]): string {
  let lowest = Infinity
  let highest = -Infinity
  for (const value of values) {
    const number = Number(value)
    if (number < lowest) lowest = number
    if (number > highest) highest = number
  }
  return lowest > highest || values.length < 2 ? '' : `${formatNumber(lowest)} … ${formatNumber(highest)}`
}
