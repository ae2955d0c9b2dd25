// The least a unix-socket server can do: gives back what came. argv: socket path.
import { createServer } from 'node:net'

createServer((socket) => socket.pipe(socket)).listen(process.argv[2], () => process.stdout.write('ready\n'))
