import { createHash } from 'node:crypto'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { IDENTITY_BYTES, SEQUENCES_MAX, STATE_INDEX_BYTES_MAX } from './limits.ts'
import { LIBRARY_VERSION } from './runtime.ts'
import type { Slots } from './slots.ts'

const INDEX_FILE = 'sessions.json'

const IndexSchema = z.strictObject({
  identity: z.string(),
  sessions: z
    .array(z.strictObject({ session: z.string(), file: z.string().regex(/^session-\d+\.kv$/), tokens: z.number() }))
    .max(SEQUENCES_MAX),
})

/** What sessions have computed, in files, for a later load of the same model in the same way. */
export class KeptState {
  readonly #identity: string

  constructor(identity: string) {
    this.#identity = identity
  }

  async save(slots: Slots, directory: string): Promise<void> {
    await mkdir(directory, { recursive: true })
    const sessions: z.output<typeof IndexSchema>['sessions'] = []
    for (const [index, { sequence, session }] of slots.all.entries()) {
      const tokens = sequence.nextTokenIndex
      if (session === undefined || tokens === 0) continue
      const file = `session-${index}.kv`
      await sequence.saveStateToFile(join(directory, file))
      sessions.push({ session, file, tokens })
    }
    await writeFile(join(directory, INDEX_FILE), JSON.stringify({ identity: this.#identity, sessions }))
  }

  /** State only saves time: what is missing, another model's or unreadable is left where it is. */
  async restore(slots: Slots, directory: string): Promise<void> {
    const sessions = await this.#read(join(directory, INDEX_FILE))
    for (const [index, { session, file }] of sessions.entries()) {
      const slot = slots.all[index]
      if (!slot) return
      try {
        await slot.sequence.loadStateFromFile(join(directory, file), { acceptRisk: true })
        slot.session = session
      } catch {
        await slot.sequence.clearHistory()
      }
    }
  }

  async #read(path: string): Promise<z.output<typeof IndexSchema>['sessions']> {
    try {
      if ((await stat(path)).size > STATE_INDEX_BYTES_MAX) return []
      const index = IndexSchema.parse(JSON.parse(await readFile(path, 'utf8')))
      return index.identity === this.#identity ? index.sessions : []
    } catch {
      return []
    }
  }
}

/**
 * Tells models apart, and ways of loading one: llama.cpp takes a state for granted, and one of another model crashes it.
 * @param files the model's and its adapters'. Their sizes and beginnings, which hold names, shapes and some weights, stand for them.
 * @param how what else a state depends on.
 */
export async function modelIdentity(files: readonly string[], how: unknown): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([LIBRARY_VERSION, how]))
  for (const file of files) {
    await using handle = await open(file)
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, IDENTITY_BYTES)))
    hash.update(`${size}:`).update(buffer.subarray(0, bytesRead))
  }
  return hash.digest('hex')
}
