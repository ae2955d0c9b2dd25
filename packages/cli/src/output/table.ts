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

/** Lines of a table: a header and one line a row, columns aligned, cut to `width` where columns may shrink. */
export function formatTable<Row>(rows: readonly Row[], all: readonly Column<Row>[], terminal: { width: number; paint: Paint }): string[] {
  const columns = choose(rows, all, terminal.width)
  const cells = rows.map((row) => columns.map((column) => inline(column.value(row))))
  const natural = columns.map((column, index) =>
    Math.max(displayWidth(column.title), ...cells.map((line) => displayWidth(line[index] ?? ''))),
  )
  const widths = fit(natural, columns, terminal.width)
  const join = (line: readonly string[], finish: (text: string, column: Column<Row>) => string): string =>
    line
      .map((cell, index) => {
        const column = columns[index] as Column<Row>
        const width = widths[index] ?? 0
        const text = truncate(cell, width)
        // Spaces after the last column would be marked and copied, and wrap where the terminal is narrower.
        const isLast = index === columns.length - 1 && column.align !== 'right'
        return finish(isLast ? text : pad(text, width, column.align), column)
      })
      .join(GAP)
      .trimEnd()
  const header = join(
    columns.map((column) => column.title.toUpperCase()),
    (text) => terminal.paint.dim(text),
  )
  return [header, ...cells.map((line, row) => join(line, (text, column) => column.paint?.(text, rows[row] as Row) ?? text))]
}

/** All columns, or without as many optional ones as it takes for the rest to fit. */
function choose<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): ReadonlyArray<Column<Row>> {
  if (width === Infinity) return columns
  const least = columns.map((column) => {
    const natural = Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(inline(column.value(row)))))
    return { column, width: column.shrinks ? Math.min(natural, COLUMN_WIDTH_MIN) : natural }
  })
  const total = (): number => least.reduce((sum, one) => sum + one.width, GAP.length * (least.length - 1))
  while (total() > width) {
    const last = least.findLastIndex(({ column }) => column.optional)
    if (last === -1) break
    least.splice(last, 1)
  }
  return least.map(({ column }) => column)
}

/** Takes what is over the width from the widest shrinking columns. */
function fit(natural: readonly number[], columns: ReadonlyArray<Pick<Column<never>, 'shrinks'>>, width: number): number[] {
  const widths = [...natural]
  const total = (): number => widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1))
  while (total() > width) {
    const widest = widths.reduce((best, one, index) => (columns[index]?.shrinks && one > (widths[best] ?? 0) ? index : best), -1)
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
