// A second process for tests: installs `url/<address>` into the store in a folder, until it is done or killed.
import { writeSync } from 'node:fs'
import { createUrlSource } from '@soma/source-url'
import { createTestSource } from '@soma/testkit/source'
import { TestInstall } from './test-install.ts'

const [directory = '', reference = '', chunkBytes] = process.argv.slice(2)
const { source } = createTestSource(createUrlSource)
/** Tells how much has come, before anything is done with it. */
const counted: typeof source = {
  ...source,
  download: async (artifact, options) => {
    const download = await source.download(artifact, options)
    return { ...download, body: count(download.body) }
  },
}
let received = 0
async function* count(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of body) {
    received += bytes.byteLength
    writeSync(1, `${received}\n`)
    yield bytes
  }
}
const test = await TestInstall.create({ directory, sources: [counted], deps: { chunkBytes: Number(chunkBytes) } })
await test.install(reference, { name: 'm' })
// Nothing is put away: what was acknowledged must survive without.
writeSync(1, 'installed\n')
process.kill(process.pid, 'SIGKILL')
