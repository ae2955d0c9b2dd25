import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { parseJson } from '@soma/core'
import { z } from 'zod'
import { DAEMON_FILE_BYTES_MAX } from './limits.ts'

const DaemonInfoSchema = z.object({
  pid: z.number().int().positive(),
  version: z.string(),
  startedAt: z.number(),
  faces: z.array(z.object({ kind: z.string(), address: z.string() })),
})
/** What a running daemon says of itself to commands on the same machine. */
export type DaemonInfo = z.output<typeof DaemonInfoSchema>

/** Written when the daemon is ready, whole or not at all, readable by the user alone. */
export function writeDaemonFile(path: string, info: DaemonInfo): void {
  const temporary = `${path}.${info.pid}`
  writeFileSync(temporary, `${JSON.stringify(info)}\n`, { mode: 0o600 })
  renameSync(temporary, path)
}

/** Removes the file if it is still this daemon's own. */
export function removeDaemonFile(path: string, pid: number): void {
  if (readDaemonFile(path)?.pid === pid) rmSync(path, { force: true })
}

/** @returns undefined when there is none, or nothing that can be read. The process may be gone: see `isProcessAlive`. */
export function readDaemonFile(path: string): DaemonInfo | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    const parsed = DaemonInfoSchema.safeParse(text.length <= DAEMON_FILE_BYTES_MAX ? parseJson(text) : undefined)
    return parsed.data
  } catch {
    return undefined
  }
}
