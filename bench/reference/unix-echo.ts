// The least a unix-socket server can do: gives back what came. argv: socket path.
import { createServer } from 'node:net'

createServer((socket) => socket.pipe(socket)).listen(process.argv[2], () => process.stdout.write('ready\n'))
// Whoever measures holds the other end: without them there is nothing to do here.
process.stdin.on('end', () => process.exit()).resume()
