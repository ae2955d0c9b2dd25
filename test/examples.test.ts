// Every example is run as its README says, against a real daemon of its own.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { commandsOf, runCommands } from './documents.ts'

const root = join(import.meta.dirname, '..')

interface Example {
  readonly name: string
  /** What its commands print, in this order. */
  readonly shows: readonly RegExp[]
  /** Why it cannot be run here, if so. */
  readonly lacks?: () => string | undefined
}

const examples: readonly Example[] = [
  {
    name: 'chat',
    shows: [
      /The capital of France is Paris\./,
      /2 plus 3 is 5\./,
      /Once upon a time/,
      /> What colour is the sky\?\nThe sky is blue\.\n> What colour is grass\?\nGrass is green\./,
    ],
  },
  { name: 'structured-output', shows: [/"Ada Lovelace"/, /true/] },
  { name: 'search', shows: [/kitchen\.md: A loaf/, /sky\.md: Jupiter/] },
]

/** Has a test of its own, or is no story to be run. */
const elsewhere = ['ocr', 'source']

for (const { name, shows, lacks } of examples)
  test(`the example ${name} does what it says`, { timeout: 240_000 }, async (t) => {
    const lacking = lacks?.()
    if (lacking !== undefined) return t.skip(lacking)
    const world = await homeOf(t)
    const commands = ['soma serve --detach --port 0', ...commandsOf(root, `examples/${name}/README.md`)]
    const { stdout } = await runCommands(commands, { title: name, ...world })
    let rest = stdout
    for (const pattern of shows) {
      assert.match(rest, pattern, stdout)
      rest = rest.slice(rest.search(pattern))
    }
  })

test('every example is among those that are run', () => {
  const folders = globSync('examples/*/', { cwd: root }).map((path) => path.split('/')[1] ?? '')
  assert.deepEqual(folders.toSorted(), [...examples.map(({ name }) => name), ...elsewhere].toSorted())
})

/** An empty home with `soma` on its PATH, beside the checkout's examples and tools. */
async function homeOf(t: TestContext): Promise<{ readonly cwd: string; readonly env: NodeJS.ProcessEnv }> {
  const cwd = await mkdtemp(join(tmpdir(), 'soma-example-'))
  const bin = join(cwd, 'bin')
  await mkdir(bin)
  await symlink(join(root, 'dist', 'soma'), join(bin, 'soma'))
  for (const name of ['examples', 'tools', 'node_modules']) await symlink(join(root, name), join(cwd, name))
  const env = {
    ...process.env,
    HOME: cwd,
    SOMA_HOME: join(cwd, 'soma'),
    PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
    NO_COLOR: '1',
  }
  t.after(async () => {
    spawnSync(join(bin, 'soma'), ['stop'], { env })
    await rm(cwd, { recursive: true, force: true })
  })
  return { cwd, env }
}
