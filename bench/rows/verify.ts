import { execFile } from 'node:child_process'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { TestDaemon, echoModel } from '../../test/e2e/daemon.ts'
import type { Row } from '../measure.ts'

const run = promisify(execFile)
const FILES = 4
const FILE_BYTES = 512 * 1024 * 1024
const BYTES = FILES * FILE_BYTES

export const verify: Row = {
  name: 'verify',
  what: 'model.verify of a 2 GB package of four large files, for each CPU',
  against: 'sha256sum of the same files, on one CPU',
  unit: 'MB/s',
  target: '≥ 0.9×',
  met: (ours, reference) => ours.p50 >= 0.9 * reference.p50,
  async setUp() {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const files = await writeModel(join(folder, 'model'))
    const daemon = await TestDaemon.start()
    const soma = await daemon.connect()
    const install = soma.stream('model.install', { reference: `file/${join(folder, 'model')}`, name: 'big', include: ['**/*'] })
    for await (const _ of install);
    return {
      async ours() {
        const start = performance.now()
        const stream = soma.stream('model.verify', { model: 'big' })
        for await (const _ of stream);
        const { ok, models } = await stream.output
        if (!ok || models[0]?.files.length !== FILES + 2) throw new Error('the package is not what it should be')
        return rate(start) / Math.min(availableParallelism(), FILES)
      },
      async reference() {
        const start = performance.now()
        await run('sha256sum', files)
        return rate(start)
      },
      warmups: 1,
      samples: 3,
      [Symbol.asyncDispose]: async () => {
        await soma[Symbol.asyncDispose]()
        await daemon[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}

function rate(start: number): number {
  return BYTES / 1000 / (performance.now() - start)
}

/** Files that differ, so that none of them is stored once for all. */
async function writeModel(folder: string): Promise<string[]> {
  await echoModel(folder)
  const paths = Array.from({ length: FILES }, (_, index) => join(folder, `weights-${index}.bin`))
  for (const [index, path] of paths.entries()) {
    await using file = await open(path, 'w')
    const chunk = Buffer.alloc(1024 * 1024, index + 1)
    for (let written = 0; written < FILE_BYTES; written += chunk.byteLength) await file.write(chunk)
  }
  return paths
}
