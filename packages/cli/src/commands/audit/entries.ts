import type { AuditEntry } from '@soma/spec'
import { displayWidth, inline, pad, truncate } from '../../output/text.ts'
import { formatDuration, formatTime } from '../../output/units.ts'
import type { Terminal } from '../../terminal.ts'

/** One audit entry as a line. Columns have fixed widths, because entries come one at a time. */
export function formatEntry(
  entry: AuditEntry,
  { terminal: { paint, width } }: { readonly terminal: Pick<Terminal, 'paint' | 'width'> },
): string {
  const duration = entry.durationUs === null ? '' : formatDuration(entry.durationUs / 1000)
  const status = entry.status === null ? '' : entry.status === 'ok' ? paint.green('ok') : paint.red(inline(entry.status))
  const cells = [
    pad(String(entry.seq), 6, 'right'),
    paint.dim(formatTime(entry.at)),
    pad(entry.kind, 6),
    pad(inline(entry.name), 20),
    pad(inline(entry.principal), 10),
    pad(inline(entry.face), 8),
    pad([status, duration].filter(Boolean).join(' '), 12),
  ].join('  ')
  const effects = entry.effects.map((effect) => `${effect.digest === null ? '-' : '+'}${inline(effect.record)}`).join(' ')
  return `${cells}  ${paint.dim(truncate(effects, Math.max(EFFECTS_WIDTH_MIN, width - displayWidth(cells) - 3)))}`.trimEnd()
}

/** Enough to tell which kind of record was written. */
const EFFECTS_WIDTH_MIN = 12
