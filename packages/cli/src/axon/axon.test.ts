import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { SomaError } from '@soma/core'
import { FakeDispatcher, type FakeHandler } from '@soma/testkit/face'
import fc from 'fast-check'
import { type CliRun, type CliWorld, cli } from '../test-cli.ts'
import { splitReference } from './reference.ts'
import { axon } from './table.ts'

const folder = await mkdtemp(join(tmpdir(), 'soma-axon-'))
after(async () => await rm(folder, { recursive: true }))

const commit = '86b5e0934494bd15c9632b12f734a8a67f723594'
const model = (name: string, reference: string, version = '1', wanted = reference): object => ({
  name,
  version,
  reference,
  wanted,
  format: 'onnx',
  task: 'fill-mask',
  engine: 'onnx',
  sizeBytes: 1000,
  files: 2,
  digest: `sha256:${'a'.repeat(64)}`,
  licence: 'MIT',
  installedAt: 0,
  loaded: false,
  pinned: false,
  aliases: name === 'bert-base-uncased' ? ['bert'] : [],
})
const models = [
  model('bert-base-uncased', `hf/google-bert/bert-base-uncased@${commit}:safetensors`, commit, 'hf/bert-base-uncased@main'),
  model('bert-onnx', `hf/google-bert/bert-base-uncased@${commit}:onnx`, commit, 'hf/bert-base-uncased@latest:onnx'),
  model('resnet50', 'axon/vision/resnet50@1.0.0', '1.0.0'),
  model('first', 'npm/@scope/twice@1.0.0', '1.0.0'),
  model('second', 'npm/@scope/twice@2.0.0', '2.0.0'),
]
const schemes = ['hf', 'axon', 'modelscope', 'pytorch', 'tfhub', 'npm', 'oci', 'ollama', 'file', 'url']

type Asked = ReadonlyArray<readonly [name: string, input: unknown]>

/** Runs a command line of axon. What it asked of the daemon leaves out how it found its way. */
async function run(
  line: string,
  world: CliWorld & { readonly answers?: Readonly<Record<string, FakeHandler>> } = {},
): Promise<CliRun & { readonly asked: Asked }> {
  const dispatcher = world.dispatcher ?? new FakeDispatcher()
  dispatcher.handlers.set('source.list', () => ({ sources: schemes.map((scheme) => ({ scheme, title: scheme })) }))
  dispatcher.handlers.set('model.list', () => ({ models }))
  for (const [name, answer] of Object.entries(world.answers ?? {})) dispatcher.handlers.set(name, answer)
  const ended = await cli(line.split(' '), { dispatcher, table: axon, env: { HOME: folder }, ...world })
  const asked = dispatcher.calls.map(({ name, input }) => [name, input] as const)
  return { ...ended, asked: asked.filter(([name]) => !['source.list', 'model.list'].includes(name)) }
}

describe('every command of axon', () => {
  for (const { path } of axon.commands)
    test(`axon ${path} --help speaks of axon, with an example`, async () => {
      const { exitCode, stdout } = await run(`${path} --help`)
      assert.equal(exitCode, 0)
      assert.match(stdout, new RegExp(`^Usage: axon ${path}\\b`))
      assert.match(stdout, /\nExamples?:\n {2}\$ (axon|source <\(axon)/)
    })

  test('is what Axon’s README names', () => {
    const verbs = new Set(axon.commands.map(({ path }) => path.split(' ')[0]))
    const named = ['init', 'install', 'search', 'info', 'list', 'uninstall', 'update', 'verify', 'publish', 'register']
    assert.deepEqual(verbs, new Set([...named, 'cache', 'config', 'registry', 'complete', 'version']))
  })

  const lines: ReadonlyArray<readonly [line: string, call: string, input: object]> = [
    ['install hf/bert-base-uncased@latest', 'model.install', { reference: 'hf/bert-base-uncased@latest' }],
    ['install hf/bert-base-uncased@latest --format onnx', 'model.install', { reference: 'hf/bert-base-uncased@latest:onnx' }],
    ['install hf/bert-base-uncased@latest --format auto', 'model.install', { reference: 'hf/bert-base-uncased@latest' }],
    ['install hf/org/gguf:Q8_0 --format gguf', 'model.install', { reference: 'hf/org/gguf:Q8_0' }],
    ['install pytorch/vision/resnet50@latest --format pytorch', 'model.install', { reference: 'pytorch/vision/resnet50@latest' }],
    ['install ms/damo/cv@latest', 'model.install', { reference: 'modelscope/damo/cv@latest' }],
    ['install tf/google/use/4', 'model.install', { reference: 'tfhub/google/use/4' }],
    ['install nlp/bert-base-uncased@1.0.0', 'model.install', { reference: 'axon/nlp/bert-base-uncased@1.0.0' }],
    ['install /models/mine.axon --name mine', 'model.install', { reference: 'file//models/mine.axon', name: 'mine' }],
    ['search image classification', 'model.search', { query: 'image classification' }],
    ['info hf/bert-base-uncased@latest', 'model.info', { reference: 'hf/bert-base-uncased@latest' }],
    ['info vision/resnet50@1.0.0', 'model.info', { reference: 'axon/vision/resnet50@1.0.0' }],
    ['info resnet50', 'model.show', { model: 'resnet50' }],
    ['uninstall vision/resnet50', 'model.remove', { model: 'resnet50' }],
    ['update vision/resnet50', 'model.update', { model: 'resnet50' }],
    ['update vision/resnet50@2.0.0 --dry-run', 'model.update', { model: 'resnet50', to: 'axon/vision/resnet50@2.0.0', dryRun: true }],
    ['verify hf/bert-base-uncased@latest --repair', 'model.verify', { model: 'bert-base-uncased', repair: true }],
    ['verify', 'model.verify', {}],
    ['publish resnet50 oci/localhost:5000/x:1', 'model.publish', { model: 'resnet50', reference: 'oci/localhost:5000/x:1' }],
    [
      'publish vision/resnet50@latest --target oci/localhost:5000/x:1',
      'model.publish',
      { model: 'resnet50', reference: 'oci/localhost:5000/x:1' },
    ],
    ['register hf/bert-base-uncased@latest', 'model.register', { reference: 'bert-base-uncased' }],
    ['register hf/gpt2@latest', 'model.register', { reference: 'hf/gpt2@latest' }],
    ['register hf/gpt2@latest --allow-unsafe', 'model.register', { reference: 'hf/gpt2@latest', allowUnsafe: true }],
    ['cache stats', 'model.usage', {}],
    ['cache clean --dry-run', 'model.collect', { dryRun: true }],
    ['config list', 'system.configuration', {}],
    ['config set install.parallel 8', 'system.configure', { set: { 'install.parallel': 8 } }],
    ['version', 'system.health', {}],
  ]
  for (const [line, call, input] of lines)
    test(`axon ${line} is ${call}`, async () => {
      const { asked, stderr } = await run(line)
      const [[name, given] = []] = asked
      assert.equal(name, call, stderr)
      assert.deepEqual({ ...(given as object), ...input }, given)
    })
})

describe('a model', () => {
  const found = async (text: string): Promise<unknown> => {
    const { asked, stderr } = await run(`uninstall ${text}`)
    const [[, input] = []] = asked
    return input === undefined ? stderr.split('\n')[0] : (input as { model: string }).model
  }

  test('is found by name, alias, or where it came from, at that version', async () => {
    for (const text of [
      'bert-base-uncased',
      'bert',
      'BERT-base-uncased',
      'hf/bert-base-uncased',
      'hf/BERT-base-uncased@latest',
      'hf/google-bert/bert-base-uncased:safetensors',
      `hf/google-bert/bert-base-uncased@${commit}:safetensors`,
      'hf/google-bert/bert-base-uncased@86b5e0934494:safetensors',
      'hf/google-bert/bert-base-uncased@latest:safetensors',
    ])
      assert.equal(await found(text), 'bert-base-uncased', text)
    assert.equal(await found('npm/@scope/twice@2.0.0'), 'second')
    assert.equal(await found('hf/bert-base-uncased:onnx'), 'bert-onnx')
  })

  test('is not mistaken for another version, or for one of two', async () => {
    assert.equal(await found('hf/bert-base-uncased@v2'), 'error: hf/bert-base-uncased@v2 is not installed')
    assert.equal(await found('hf/bert-base-uncased@86b5'), 'error: hf/bert-base-uncased@86b5 is not installed')
    assert.equal(await found('hf/bert-base-uncased@latest:gguf'), 'error: hf/bert-base-uncased@latest:gguf is not installed')
    assert.equal(await found('hf/bert-base'), 'error: hf/bert-base is not installed')
    assert.match(String(await found('hf/google-bert/bert-base-uncased')), /more than once; name one of bert-base-uncased, bert-onnx$/)
    assert.equal(await found('npm/@scope/twice'), 'error: npm/@scope/twice is installed more than once; name one of first, second')
  })

  test('is listed by namespace: the source, or what the registry calls one', async () => {
    const names = async (line: string): Promise<string[]> =>
      (JSON.parse((await run(line)).stdout) as { models: Array<{ name: string }> }).models.map(({ name }) => name)
    assert.deepEqual(await names('list --namespace vision --json'), ['resnet50'])
    assert.deepEqual(await names('list --namespace hf --format json'), ['bert-base-uncased', 'bert-onnx'])
    assert.equal((await names('list --format=json')).length, models.length)
    assert.equal((await names('cache list --json')).length, models.length)
    assert.match((await run('list --namespace none')).stdout, /^no models yet; install one, e\.g\. axon install/)
  })
})

describe('references', () => {
  test('are split into base, version and what follows the colon', () => {
    const rows: ReadonlyArray<readonly [string, ...Array<string | undefined>]> = [
      ['hf/a/b', 'hf/a/b', undefined, undefined],
      ['hf/a/b@main:onnx', 'hf/a/b', 'main', 'onnx'],
      ['hf/a/b@refs/pr/3', 'hf/a/b', 'refs/pr/3', undefined],
      ['hf/a/b:onnx/model.onnx', 'hf/a/b', undefined, 'onnx/model.onnx'],
      ['npm/@scope/x', 'npm/@scope/x', undefined, undefined],
      ['npm/@scope/x@1.2.3', 'npm/@scope/x', '1.2.3', undefined],
      ['ollama/llama3.2:1b', 'ollama/llama3.2', undefined, '1b'],
      ['oci/localhost:5000/team/x', 'oci/localhost:5000/team/x', undefined, undefined],
      ['oci/localhost:5000/team/x:1.0', 'oci/localhost:5000/team/x', undefined, '1.0'],
      ['oci/localhost:5000/x@sha256:00ff', 'oci/localhost:5000/x', 'sha256:00ff', undefined],
    ]
    for (const [text, ...parts] of rows) {
      const { base, version, selector } = splitReference(text)
      assert.deepEqual([base, version, selector], parts, text)
    }
  })

  test('of any text are split in no time, without a throw (seeded)', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '/', '@', ':', '.'), maxLength: 200 }), (text) => void splitReference(text)),
    )
  })
})

describe('the daemon', () => {
  const faces: never[] = []
  const info = { pid: 4711, version: '0.1.0', faces, startedAt: 0 }

  test('is started when none runs, and that is said', async () => {
    const dispatcher = new FakeDispatcher()
    const world: { dispatcher?: FakeDispatcher } = {}
    const args: unknown[] = []
    const launch = async (options: { readonly args: readonly string[] }): Promise<never> => {
      args.push(options.args)
      world.dispatcher = dispatcher
      return info as never
    }
    dispatcher.handlers.set('model.list', () => ({ models: [] }))
    const { exitCode, stdout, stderr } = await cli(['list'], {
      table: axon,
      env: { HOME: folder },
      launch,
      get dispatcher() {
        return world.dispatcher as FakeDispatcher
      },
    })
    assert.equal(stderr, 'Started the daemon (pid 4711); `soma stop` ends it.\n')
    assert.deepEqual([exitCode, args], [0, [[]]])
    assert.match(stdout, /^no models yet/)
  })

  test('is not started for settings, folders and versions, nor where an address is given', async () => {
    const env = { HOME: folder, SOMA_HOME: join(folder, 'home') }
    const launch = async (): Promise<never> => {
      throw new Error('started')
    }
    const without = async (line: string): Promise<CliRun> => await cli(line.split(' '), { table: axon, env, launch })
    for (const line of [
      'init',
      'config list',
      'config get install.parallel',
      'version',
      'complete bash',
      'complete --candidates -- install x',
    ])
      assert.equal((await without(line)).exitCode, 0, line)
    for (const line of ['list --url http://127.0.0.1:1', 'list --socket /x']) assert.equal((await without(line)).exitCode, 69, line)
    assert.match((await without('list')).stderr, /started/)
  })

  test('that cannot be started says why', async () => {
    const launch = async (): Promise<never> => {
      throw new SomaError('daemon/unreachable', 'the daemon ended while starting (exit code 78)')
    }
    const { exitCode, stderr } = await cli(['list', '--format', 'json'], { table: axon, env: { HOME: folder }, launch })
    assert.equal(exitCode, 69)
    assert.match((JSON.parse(stderr) as { detail: string }).detail, /ended while starting/)
  })
})

test('init makes the folders, private, and says where they are', async () => {
  const home = join(folder, 'fresh')
  const { stdout, exitCode } = await run('init --format json', { env: { HOME: folder, SOMA_HOME: home } })
  assert.equal(exitCode, 0)
  assert.deepEqual(JSON.parse(stdout), { data: home, configFile: join(home, 'config.toml'), socket: join(home, 'run', 'soma.sock') })
  assert.equal((await stat(home)).mode & 0o777, 0o700)
})

describe('the registry', () => {
  const file = join(folder, '.axon', 'config.yaml')

  test('is set where Axon keeps it, and nothing else there is lost', async () => {
    assert.match((await run('registry list')).stdout, /^default {2,}not set; axon registry set default <url>$/m)
    assert.equal((await run('registry set default http://localhost:8080')).exitCode, 0)
    assert.match((await run('registry list')).stdout, /^default {2,}http:\/\/localhost:8080$/m)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, '# mine\ndownload:\n  parallel: 4 # four\nregistry:\n  url: http://old\n  timeout: 5\n')
    await run('registry set default https://models.example.org')
    assert.equal(
      await readFile(file, 'utf8'),
      '# mine\ndownload:\n  parallel: 4 # four\nregistry:\n  url: https://models.example.org\n  timeout: 5\n',
    )
    assert.equal((await stat(file)).mode & 0o777, 0o600)
  })

  test('wants a web address and the one name there is, and leaves a broken file alone', async () => {
    for (const line of ['registry set default nowhere', 'registry set default ftp://x', 'registry set other http://x'])
      assert.equal((await run(line)).exitCode, 65, line)
    await writeFile(file, 'a: [1\n')
    assert.equal((await run('registry set default http://x')).exitCode, 78)
    assert.equal(await readFile(file, 'utf8'), 'a: [1\n')
    await rm(file)
  })
})

test('mistakes of the command line point at axon’s own help', async () => {
  const usage: ReadonlyArray<readonly [line: string, stderr: RegExp]> = [
    ['instal x', /\(Did you mean install\?\)\n next: axon --help\n$/],
    ['install', /missing required argument 'model'\n next: axon install --help\n$/],
    ['list --format xml', /Allowed choices are text, json\.\n next: axon list --help\n$/],
    ['cache cleen', /\(Did you mean clean\?\)\n next: axon cache --help\n$/],
  ]
  for (const [line, stderr] of usage) {
    const ended = await run(line)
    assert.equal(ended.exitCode, 64)
    assert.match(ended.stderr, stderr)
  }
  assert.match((await run('publish resnet50')).stderr, /--target oci\//)
})

test('axon completes its own verbs', async () => {
  const candidates = async (...words: string[]): Promise<string[]> =>
    (await run(['complete', '--candidates', '--', ...words].join(' '))).stdout.split('\n').filter(Boolean)
  assert.deepEqual(await candidates('in'), ['init', 'install', 'info'])
  assert.deepEqual(await candidates('cache', ''), ['list', 'stats', 'clean'])
  assert.deepEqual(await candidates('install', 'py'), ['pytorch/'])
  assert.deepEqual(await candidates('uninstall', 're'), ['resnet50'])
  assert.match((await run('complete bash')).stdout, /complete -F _axon axon$/m)
})
