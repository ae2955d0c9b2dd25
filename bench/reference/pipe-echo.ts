// Reads messages of argv[2] bytes into one buffer and writes each back whole: pipes and copies, nothing else.
const size = Number(process.argv[2])
const buffer = Buffer.alloc(size)
let filled = 0
process.stdin.on('data', (chunk: Buffer) => {
  for (let offset = 0; offset < chunk.length;) {
    const taken = Math.min(chunk.length - offset, size - filled)
    chunk.copy(buffer, filled, offset, offset + taken)
    filled += taken
    offset += taken
    if (filled < size) continue
    filled = 0
    process.stdout.write(Buffer.from(buffer))
  }
})
