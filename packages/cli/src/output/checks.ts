import type { Check } from '@soma/spec'
import type { Paint } from './color.ts'
import { inline, pad } from './text.ts'

/** What a doctor looked at: a line each, and under it what to do. */
export function formatChecks(checks: readonly Check[], paint: Paint): string[] {
  const marks = { ok: paint.green('ok  '), warn: paint.yellow('warn'), fail: paint.red('fail') }
  // All is well, and there could be more.
  const more = paint.dim('–   ')
  const width = Math.max(0, ...checks.map((check) => check.title.length))
  return checks.flatMap(({ status, title, detail, remedy }) => [
    `${status === 'ok' && remedy !== undefined ? more : marks[status]}  ${pad(title, width)}  ${inline(detail)}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(width + 8)}${paint.dim(inline(remedy))}`]),
  ])
}
