import { type Log, createLog } from '@soma/core'

/** An engine's log: lines of text on stderr, which the host puts into its own. */
export function createStderrLog(write: (line: string) => void, now: () => number): Log {
  return createLog({
    level: 'debug',
    clock: { now },
    write: ({ level, message, fields }) => {
      const rest = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : ''
      write(`${level}: ${message}${rest}\n`)
    },
  })
}
