import { type Pack, pack } from 'tar-stream'

/** A file on its way into an archive. */
export interface TarFile {
  readonly path: string
  readonly sizeBytes: number
  readonly body: () => AsyncIterable<Uint8Array>
}

/** All that could differ between two machines is left at zero. */
const neutral = { type: 'file', mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) } as const

/** A tar archive of these files, in this order: the same bytes for the same files. What reading a file throws, this throws. */
export async function* tarStream(files: Iterable<TarFile>): AsyncGenerator<Uint8Array, void, void> {
  const archive = pack()
  const filled = fill(archive, files).catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)))
    throw error
  })
  filled.catch(() => undefined)
  try {
    yield* archive as AsyncIterable<Uint8Array>
  } finally {
    // Whoever stops reading ends the filling, too, which would wait for room for ever.
    archive.destroy(null)
    await filled.catch(() => undefined)
  }
}

async function fill(archive: Pack, files: Iterable<TarFile>): Promise<void> {
  for (const file of files) await add(archive, file)
  archive.finalize()
}

async function add(archive: Pack, { path, sizeBytes, body }: TarFile): Promise<void> {
  const { promise: taken, resolve, reject } = Promise.withResolvers<void>()
  taken.catch(() => undefined)
  const entry = archive.entry({ ...neutral, name: path, size: sizeBytes }, (error) => (error ? reject(error) : resolve()))
  // It is told to the reader of the archive, and here by `taken`.
  entry.on('error', () => undefined)
  // One listener for all chunks; `close` comes when the reader has left.
  let wake = (): void => undefined
  for (const event of ['drain', 'close'] as const) entry.on(event, () => wake())
  for await (const chunk of body()) {
    if (archive.destroyed) break
    if (!entry.write(chunk)) await new Promise<void>((room) => (wake = room))
  }
  entry.end(null)
  await taken
}
