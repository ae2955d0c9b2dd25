// A second process for tests: installs `url/<address>` into the store in a folder, until it is done or killed.
import { writeSync } from 'node:fs'
import { createUrlSource } from '@soma/source-url'
import { createTestSource } from '@soma/testkit/source'
import { TestInstall } from './test-install.ts'

const [directory = '', reference = ''] = process.argv.slice(2)
const { source } = createTestSource(createUrlSource)
const test = await TestInstall.create({ directory, sources: [source] })
await test.install(reference, { name: 'm' })
// Nothing is put away: what was acknowledged must survive without.
writeSync(1, 'installed\n')
process.kill(process.pid, 'SIGKILL')
