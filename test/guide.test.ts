// Every command of the guide is run, against a real daemon and hubs on loopback.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { arithmeticModel } from '@soma/testkit/onnx'
import { commandsOf, runCommands, stopDaemon } from './documents.ts'
import { startHubs } from './hubs.ts'

const root = join(import.meta.dirname, '..')

const scenarios: ReadonlyArray<{ readonly document: string; readonly before: readonly string[]; readonly shows: RegExp }> = [
  { document: 'docs/guide/models.md', before: ['soma serve --detach --port 0'], shows: /installed from-shelf 3/ },
  { document: 'docs/guide/running.md', before: ['soma config set http.port 0'], shows: /The capital of France is Paris/ },
  { document: 'docs/guide/engines.md', before: ['soma config set http.port 0'], shows: /llama\.cpp loads/ },
  { document: 'docs/guide/axon.md', before: ['soma config set http.port 0'], shows: /bert-base-uncased/ },
]

for (const { document, before, shows } of scenarios)
  test(`the commands of ${document} work as they are written`, async (t) => {
    const hubs = await startHubs(t)
    if (!hubs) return
    const home = await mkdtemp(join(tmpdir(), 'soma-guide-'))
    const bin = join(home, 'bin')
    const env = {
      ...hubs,
      HOME: home,
      SOMA_HOME: join(home, 'soma'),
      PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
      NO_COLOR: '1',
    }
    await mkdir(bin)
    for (const name of ['soma', 'axon']) await symlink(join(root, 'dist', name), join(bin, name))
    for (const name of ['examples', 'tools']) await symlink(join(root, name), join(home, name))
    await mkdir(join(home, 'my-model'))
    await writeFile(join(home, 'my-model', 'model.onnx'), arithmeticModel())
    await makeLfsClone(join(home, 'my-clone'), arithmeticModel())
    t.after(async () => {
      stopDaemon(join(bin, 'soma'), env)
      await rm(home, { recursive: true, force: true })
    })
    const { stdout } = await runCommands([...before, ...commandsOf(root, document).map(ownWords)], { title: document, cwd: home, env })
    assert.match(stdout, shows)
  })

/** The port may be taken: these words are the test's own. */
function ownWords(line: string): string {
  return line.replace('soma serve --detach', 'soma serve --detach --port 0')
}

test('every page of the guide is among those that are run', () => {
  assert.deepEqual(
    globSync('docs/guide/**/*.md', { cwd: root }).sort((a, b) => (a < b ? -1 : 1)),
    scenarios.map(({ document }) => document).sort((a, b) => (a < b ? -1 : 1)),
  )
})

/** A clone as git-lfs leaves it: a pointer in the tree, its contents under their hash. */
async function makeLfsClone(folder: string, bytes: Uint8Array): Promise<void> {
  const oid = createHash('sha256').update(bytes).digest('hex')
  const objects = join(folder, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4))
  await mkdir(objects, { recursive: true })
  await writeFile(join(objects, oid), bytes)
  await writeFile(join(folder, 'model.onnx'), `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes.byteLength}\n`)
}
