// Serves argv[2] bytes at any path, from one repeated random block, with Range: a fast server that needs no disk.
import { randomFillSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const size = Number(process.argv[2])
const block = randomFillSync(Buffer.alloc(1024 * 1024 + 7))

const server = createServer((request, response) => {
  const begin = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
  response.writeHead(begin > 0 ? 206 : 200, {
    'content-length': size - begin,
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag: '"1"',
    ...(begin > 0 && { 'content-range': `bytes ${begin}-${size - 1}/${size}` }),
  })
  let sent = begin
  const more = (): void => {
    while (sent < size) {
      const offset = sent % block.length
      const chunk = block.subarray(offset, Math.min(block.length, offset + size - sent))
      sent += chunk.length
      if (!response.write(chunk)) return void response.once('drain', more)
    }
    response.end()
  }
  if (request.method === 'HEAD') response.end()
  else more()
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
// Whoever measures holds the other end: without them there is nothing to do here.
process.stdin.on('end', () => process.exit()).resume()
