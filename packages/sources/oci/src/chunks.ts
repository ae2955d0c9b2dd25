import { parseJson } from '@soma/core'
import type { ChunkHashes } from '@soma/spec'
import { z } from 'zod'

/** Which chunks a file has, by the file's digest. */
export type ChunksByDigest = ReadonlyMap<string, ChunkHashes>

const CHUNK_BYTES_MIN = 64 * 1024

/** The document that a package's chunk hashes travel in: a layer of its own, which other readers keep as a file or ignore. */
const ChunksDocument = z.object({
  version: z.literal(1),
  files: z.record(
    z.string(),
    z.object({ sizeBytes: z.number().int().min(CHUNK_BYTES_MIN), sha256: z.array(z.string().regex(/^[0-9a-f]{64}$/)) }),
  ),
})

export const CHUNKS_FILE_NAME = '.soma-chunks.json'

/** Undefined when no file has more than one chunk: the hash of the whole says the same. */
export function formatChunks(files: ReadonlyArray<{ readonly digest: string; readonly chunks?: ChunkHashes }>): Uint8Array | undefined {
  const chunked = files.flatMap(({ digest, chunks }) => (chunks && chunks.sha256.length > 1 ? [[digest, chunks] as const] : []))
  if (chunked.length === 0) return undefined
  return new TextEncoder().encode(JSON.stringify({ version: 1, files: Object.fromEntries(chunked) }))
}

/** @throws {ZodError | SomaError} for anything else than such a document. */
export function parseChunks(bytes: Uint8Array): ChunksByDigest {
  return new Map(Object.entries(ChunksDocument.parse(parseJson(bytes, 'the list of chunks')).files))
}

/** The hashes of a blob of this size; undefined when they are of something else. */
export function chunksOf(known: ChunksByDigest, digest: string, sizeBytes: number): ChunkHashes | undefined {
  const chunks = known.get(digest)
  return chunks && Math.ceil(sizeBytes / chunks.sizeBytes) === chunks.sha256.length ? chunks : undefined
}
