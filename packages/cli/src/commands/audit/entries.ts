import type { AuditEntry } from '@soma/spec'
import type { CommandContext } from '../../command.ts'
import { inline, pad } from '../../output/text.ts'
import { formatDuration, formatTime } from '../../output/units.ts'

/** One audit entry as a line. Columns have fixed widths, because entries come one at a time. */
export function formatEntry(entry: AuditEntry, { terminal: { paint } }: Pick<CommandContext, 'terminal'>): string {
  const duration = entry.durationUs === null ? '' : formatDuration(entry.durationUs / 1000)
  const status = entry.status === null ? '' : entry.status === 'ok' ? paint.green('ok') : paint.red(inline(entry.status))
  const cells = [
    pad(String(entry.seq), 6, 'right'),
    paint.dim(formatTime(entry.at)),
    pad(entry.kind, 6),
    pad(inline(entry.name), 20),
    pad(inline(entry.principal), 10),
    pad(inline(entry.face), 8),
    [status, duration].filter(Boolean).join(' '),
    paint.dim(entry.effects.map((effect) => `${effect.digest === null ? '-' : '+'}${inline(effect.record)}`).join(' ')),
  ]
  return cells.join('  ').trimEnd()
}
