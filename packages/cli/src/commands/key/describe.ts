import type { CallOutput } from '@soma/spec'
import type { CommandContext } from '../../command.ts'
import { formatFields } from '../../output/table.ts'
import { formatTime } from '../../output/units.ts'

export type Key = CallOutput<'key.list'>['keys'][number]

/** A key in a few lines. */
export function describeKey(key: Key, { terminal: { paint } }: CommandContext): string[] {
  return [
    paint.bold(key.name),
    ...formatFields(
      [
        ['id', key.id],
        ['algorithms', key.algorithms.join(' and ')],
        ['can sign', key.canSign ? 'yes' : 'no, the public half only'],
        ['trusted', key.trusted ? 'yes' : 'no'],
        ['since', formatTime(key.createdAt)],
      ],
      paint,
    ),
  ]
}
