import type { Paint } from './color.ts'
import { displayWidth, inline, pad, truncate } from './text.ts'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly align?: 'left' | 'right'
  /** Paints a finished cell. */
  readonly paint?: (text: string, row: Row) => string
  /** Given less room first when the terminal is narrow. Ids and numbers are useless when cut. */
  readonly shrinks?: boolean
  /** Left out when the terminal is too narrow for all columns; the last one first. */
  readonly optional?: boolean
}

const GAP = '  '
/** A column is not made narrower than this: what is left would say nothing. */
const COLUMN_WIDTH_MIN = 8
/** Columns that are not cut take no more than this part of the width, where not all fit: one long name would push every row apart. */
const UNCUT_SHARE_MAX = 0.5

/** Lines of a table: a header and one line a row, columns aligned, cut to `width` where columns may shrink. */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { width, paint }: { width: number; paint: Paint },
): string[] {
  const all = columns.map((column) => {
    const cells = rows.map((row) => inline(column.value(row)))
    return { column, cells, width: cells.reduce((most, cell) => Math.max(most, displayWidth(cell)), displayWidth(column.title)) }
  })
  const chosen = choose(capUncut(all, width), width)
  const widths = fit(chosen, width)
  const join = (cellOf: (one: Measured<Row>) => string, finish: (text: string, column: Column<Row>) => string): string =>
    chosen
      .map((one, index) => {
        const { column } = one
        const text = column.shrinks ? truncate(cellOf(one), widths[index] ?? 0) : cellOf(one)
        // Spaces after the last column would be marked and copied, and wrap where the terminal is narrower.
        const isLast = index === chosen.length - 1 && column.align !== 'right'
        return finish(isLast ? text : pad(text, widths[index] ?? 0, column.align), column)
      })
      .join(GAP)
      .trimEnd()
  const header = join(
    ({ column }) => column.title.toUpperCase(),
    (text) => paint.dim(text),
  )
  const line = (row: Row, index: number): string =>
    join(
      ({ cells }) => cells[index] ?? '',
      (text, column) => column.paint?.(text, row) ?? text,
    )
  return [header, ...rows.map(line)]
}

/** A column with what it would take. */
interface Measured<Row> {
  readonly column: Column<Row>
  readonly cells: readonly string[]
  readonly width: number
}

/** What columns take when they have given up all they may. */
function least<Row>(columns: ReadonlyArray<Measured<Row>>): number {
  return columns.reduce(
    (sum, one) => sum + (one.column.shrinks ? Math.min(one.width, COLUMN_WIDTH_MIN) : one.width),
    GAP.length * (columns.length - 1),
  )
}

/** Where not even the columns that are needed fit, the widest of those that are not cut are held to one width: what is longer sticks out of its own row. */
function capUncut<Row>(all: ReadonlyArray<Measured<Row>>, width: number): ReadonlyArray<Measured<Row>> {
  const capped = (cap: number): ReadonlyArray<Measured<Row>> =>
    all.map((one) => (one.column.shrinks ? one : { ...one, width: Math.min(one.width, cap) }))
  const needed = (columns: ReadonlyArray<Measured<Row>>): number => least(columns.filter(({ column }) => !column.optional))
  if (needed(all) <= width) return all
  let cap = Math.max(COLUMN_WIDTH_MIN, Math.floor(width * UNCUT_SHARE_MAX))
  while (cap > COLUMN_WIDTH_MIN && needed(capped(cap)) > width) cap -= 1
  return capped(cap)
}

/** All columns, or without as many optional ones as it takes for the rest to fit. */
function choose<Row>(all: ReadonlyArray<Measured<Row>>, width: number): ReadonlyArray<Measured<Row>> {
  const chosen = [...all]
  while (least(chosen) > width) {
    const last = chosen.findLastIndex(({ column }) => column.optional)
    if (last === -1) break
    chosen.splice(last, 1)
  }
  return chosen
}

/** Takes what is over the width from the widest shrinking columns. */
function fit(columns: ReadonlyArray<{ readonly column: Pick<Column<never>, 'shrinks'>; readonly width: number }>, width: number): number[] {
  const widths = columns.map((one) => one.width)
  const total = (): number => widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1))
  while (total() > width) {
    const widest = widths.reduce((best, one, index) => (columns[index]?.column.shrinks && one > (widths[best] ?? 0) ? index : best), -1)
    if (widest === -1 || (widths[widest] ?? 0) <= COLUMN_WIDTH_MIN) break
    widths[widest] = Math.max(COLUMN_WIDTH_MIN, (widths[widest] ?? 0) - Math.max(1, Math.min(total() - width, 4)))
  }
  return widths
}

/** Lines of `key  value`, keys aligned. */
export function formatFields(fields: ReadonlyArray<readonly [key: string, value: string]>, paint: Paint): string[] {
  const width = Math.max(...fields.map(([key]) => displayWidth(key)))
  return fields.map(([key, value]) => `${paint.dim(pad(key, width))}  ${inline(value)}`)
}
