// Serves packages of argv[2] files of argv[3] bytes, with Range, from memory: `/p1/7` is file 7 of package 1. Of `/p1+2/…` nine
// tenths are package 1's. `/slow/p1/7` is sent slower than anybody reads. `/<package>/index.json` says what there is; `/sent` how
// many bytes went out.
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const [files, size] = process.argv.slice(2).map(Number) as [number, number]
const block = randomFillSync(Buffer.alloc(4 * 1024 * 1024 + 7))
const SLOW_PIECE_BYTES = 128 * 1024
const SLOW_PIECE_MS = 4
const hashes = new Map<number, string>()
let sent = 0

/** Files differ by where in the block they begin. */
const seedOf = (name: string, file: number): number => {
  const [first = 0, second = first] = name.slice(1).split('+').map(Number)
  return (file < files * 0.9 ? first : second) * files + file
}

function* pieces(seed: number, begin: number, end: number): Generator<Buffer> {
  for (let at = begin; at < end;) {
    const offset = (seed * 10_007 + at) % block.length
    const piece = block.subarray(offset, Math.min(block.length, offset + end - at))
    yield piece
    at += piece.length
  }
}

function sha256(seed: number): string {
  const known = hashes.get(seed)
  if (known !== undefined) return known
  const hash = createHash('sha256')
  for (const piece of pieces(seed, 0, size)) hash.update(piece)
  const digest = hash.digest('hex')
  hashes.set(seed, digest)
  return digest
}

function indexOf(name: string): Array<{ readonly path: string; readonly size: number; readonly sha256: string }> {
  return Array.from({ length: files }, (_, file) => ({ path: String(file), size, sha256: sha256(seedOf(name, file)) }))
}

async function send(response: ServerResponse, piece: Buffer): Promise<void> {
  sent += piece.length
  if (response.write(piece)) return
  // Whichever comes first, and no listener is left of the other.
  const over = new AbortController()
  await Promise.race([once(response, 'drain', over), once(response, 'close', over)]).catch(() => undefined)
  over.abort()
}

async function sendFile(response: ServerResponse, range: string | undefined, what: { seed: number; isSlow: boolean }): Promise<void> {
  const match = /bytes=(\d+)-(\d*)/.exec(range ?? '')
  const begin = Number(match?.[1] ?? 0)
  const end = match?.[2] ? Number(match[2]) + 1 : size
  response.writeHead(match ? 206 : 200, {
    'content-length': end - begin,
    'accept-ranges': 'bytes',
    etag: `"${what.seed}"`,
    ...(match && { 'content-range': `bytes ${begin}-${end - 1}/${size}` }),
  })
  for (const piece of pieces(what.seed, begin, end)) {
    const step = what.isSlow ? SLOW_PIECE_BYTES : 1024 * 1024
    for (let at = 0; at < piece.length && !response.destroyed; at += step) {
      await send(response, piece.subarray(at, at + step))
      if (what.isSlow) await sleep(SLOW_PIECE_MS)
    }
  }
  response.end()
}

const server = createServer((request, response) => {
  const path = (request.url ?? '').split('/').filter(Boolean)
  const isSlow = path[0] === 'slow'
  const [name = '', file = ''] = isSlow ? path.slice(1) : path
  if (name === 'sent') response.end(String(sent))
  else if (file === 'index.json') response.end(JSON.stringify(indexOf(name)))
  else void sendFile(response, request.headers.range, { seed: seedOf(name, Number(file)), isSlow })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
