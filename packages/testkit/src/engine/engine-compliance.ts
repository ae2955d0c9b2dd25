import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { EngineDescriptor, HostFacts, Tensor } from '@soma/spec'
import { type EmbedSamples, testEmbed } from './embed-compliance.ts'
import { EngineUnderTest, type SmiOutput } from './engine-under-test.ts'
import { type ModelFixture, corrupted, layOut } from './fixture.ts'
import { type GenerateSamples, answersAs, testGenerate, testKeptState } from './generate-compliance.ts'
import { misfits } from './misfits.ts'
import { refused, refusedFor } from './refused.ts'
import { type RerankSamples, testRerank } from './rerank-compliance.ts'

/** A request that the fixture's model answers, and what must be true of the answer. */
export interface Sample {
  readonly inputs: readonly Tensor[]
  check(outputs: readonly Tensor[]): void
}

export interface EngineComplianceOptions {
  /** The engine's `main.ts`. */
  readonly main: URL
  readonly descriptor: EngineDescriptor
  readonly model: ModelFixture
  /** For engines that take tensors: requests that differ by `seed`, so that mixed-up answers are noticed. */
  readonly sample?: (seed: number) => Sample
  /** A request with at least so many bytes of input, where the model can take it. */
  readonly big?: (sizeBytes: number) => Sample
  /** For engines that generate. */
  readonly generate?: GenerateSamples
  readonly embed?: EmbedSamples
  readonly rerank?: RerankSamples
  /** For engines with none of the above: a call that any loaded fixture answers, and checks. */
  readonly work?: (engine: EngineUnderTest, seed: number) => Promise<void>
  /** The same fixture with other content that cannot be loaded, beside empty files and noise. */
  readonly corrupt?: readonly ModelFixture[]
}

const EXIT_MS_MAX = 60_000
const CONCURRENT = 16
const BIG_BYTES = 16 * 1024 * 1024
const UNKNOWN_SETTING = 'noSuchSetting'
const host: HostFacts = { platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 2 ** 33, memoryAvailableBytes: 2 ** 32 }

/** Registers the tests that every engine must pass: its real process is started and spoken to over pipes, in SMI v1. */
export function engineCompliance(options: EngineComplianceOptions): void {
  void describe(`the ${options.descriptor.id} engine speaks SMI v1`, () => {
    testUnloaded(options)
    testLoaded(options)
    testLifecycle(options)
    testEnds(options)
    if (options.generate?.keepsState === true) testKeptState(options.main, options.model, options.generate)
  })
}

/** Registers the part of them that is about a loaded model: for the other models of an engine which has passed them all with one. */
export function modelCompliance(options: EngineComplianceOptions): void {
  void describe(`the ${options.descriptor.id} engine runs ${Object.keys(options.model.files).join(', ')}`, () => {
    testLoaded(options)
  })
}

/** Something that the model can do, checked: what tests ask that are about the process and not about the answer. */
function work(engine: EngineUnderTest, { sample, generate, embed, rerank, work: other }: EngineComplianceOptions, seed = 0): Promise<void> {
  if (sample) return engine.infer(sample(seed).inputs).then((outputs) => sample(seed).check(outputs))
  if (other) return other(engine, seed)
  const [answer] = generate?.answers ?? []
  if (answer) return answersAs(engine, answer)
  if (embed) return engine.ask('embed', { input: [...embed.texts] }).then(() => undefined)
  assert(rerank, 'the options name nothing that the model can do')
  return engine.ask('rerank', { query: rerank.query, documents: [...rerank.documents] }).then(() => undefined)
}

/** One process for all of it: it knows nothing of a model yet, and what it refuses leaves it so. */
function testUnloaded(fixture: EngineComplianceOptions): void {
  const { main, descriptor, model } = fixture
  void test('it greets a version it knows only, and before a model is loaded refuses what needs one or is invalid', async (t) => {
    await using engine = new EngineUnderTest(main)
    await using folder = await layOut(model)
    await t.test('it refuses a version it does not know, then greets one it knows, with its descriptor', async () => {
      await refused(engine.ask('probe', host), 'engine/protocol')
      await refused(engine.ask('hello', { smiVersions: [999] }), 'engine/protocol')
      assert.deepEqual(await engine.ask('hello', { smiVersions: [1, 999] }), descriptor)
    })
    await t.test('it probes, estimates and refuses what needs a model, a known method or valid input', async () => {
      const support = await engine.ask('probe', host)
      assert.ok(support.supported, `not supported here: ${support.reason}`)
      assert.ok(support.devices.length > 0)
      const options = { threads: 1, settings: { ...model.settings } }
      assert.ok((await engine.ask('estimate', { package: folder.pkg, options })).residentBytes > 0)
      await refused(work(engine, fixture), 'engine/not-ready')
      await refused(engine.askRaw('no-such-method', {}), 'call/unknown')
      await refused(engine.askRaw('load', {}), 'call/invalid-input')
      assert.deepEqual(await engine.ask('health', {}), { residentBytes: 0, busy: 0 })
    })
    await t.test('a setting that it does not know is refused, naming it', async () => {
      await refusedFor(engine.load(folder.pkg, { ...model.settings, [UNKNOWN_SETTING]: 1 }), UNKNOWN_SETTING)
    })
  })
}

function testLoaded(options: EngineComplianceOptions): void {
  void describe('with a model loaded', () => {
    let engine: EngineUnderTest
    let folder: Awaited<ReturnType<typeof layOut>>
    let loaded: SmiOutput<'load'>
    const load = (): Promise<SmiOutput<'load'>> => engine.load(folder.pkg, options.model.settings)
    before(async () => {
      engine = new EngineUnderTest(options.main)
      folder = await layOut(options.model)
      await engine.hello()
      loaded = await load()
    })
    after(async () => {
      await engine[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })

    void test('it knows its signature, its methods and its memory', async () => {
      const { sample, generate, embed, rerank } = options
      const has = (method: SmiOutput<'load'>['methods'][number]): boolean => loaded.methods.includes(method)
      assert.deepEqual(
        { infer: has('infer'), generate: has('generate'), embed: has('embed'), rerank: has('rerank') },
        { infer: sample !== undefined, generate: generate !== undefined, embed: embed !== undefined, rerank: rerank !== undefined },
      )
      assert.ok(loaded.concurrency >= 1)
      assert.ok((await engine.ask('health', {})).residentBytes > 0)
    })

    void test('concurrent calls keep their answers apart', async () => {
      await Promise.all(Array.from({ length: CONCURRENT }, (_, seed) => work(engine, options, seed)))
    })

    void test('a second model is refused', async () => {
      await refused(load(), 'model/in-use')
    })

    const session = { engine: () => engine, loaded: () => loaded }
    if (options.sample) testInfer(session, options.sample, options.big)
    if (options.generate) testGenerate(session, options.generate)
    if (options.embed) testEmbed(session, options.embed)
    if (options.rerank) testRerank(session, options.rerank)
  })
}

/** The process under test, which is there once the tests run. */
export interface Session {
  readonly engine: () => EngineUnderTest
  readonly loaded: () => SmiOutput<'load'>
}

function testInfer(session: Session, sample: (seed: number) => Sample, big: EngineComplianceOptions['big']): void {
  const infer = async (wanted: Sample): Promise<void> => wanted.check(await session.engine().infer(wanted.inputs))
  void test('it infers', () => infer(sample(0)))

  void test('an input that does not fit is refused, naming it, and the next call works', async () => {
    for (const misfit of misfits(session.loaded().signature, sample(0).inputs)) {
      const error = await refused(session.engine().infer(misfit.inputs), 'model/input-mismatch', misfit.what)
      assert.equal(error.details['input'], misfit.input, misfit.what)
    }
    await infer(sample(1))
  })

  void test('only the wanted outputs come, and unknown ones are refused', async () => {
    const { inputs } = sample(0)
    const all = (await session.engine().infer(inputs)).map(({ name }) => name)
    const wanted = all.slice(0, 1)
    const outputs = await session.engine().infer(inputs, { outputs: wanted })
    assert.deepEqual(
      outputs.map(({ name }) => name),
      wanted,
    )
    await refused(session.engine().infer(inputs, { outputs: ['no-such-output'] }), 'call/invalid-input')
  })

  void test('a cancelled inference ends for its caller, and the next call works', async () => {
    const cancel = new AbortController()
    const cancelled = session.engine().infer(sample(0).inputs, { signal: cancel.signal })
    cancel.abort()
    await refused(cancelled, 'call/cancelled')
    await infer(sample(1))
  })

  if (big) void test('tensors of 16 MB go through', async () => infer(big(BIG_BYTES)))
}

/** One process for all of it, too: each test leaves it without a model. */
function testLifecycle(fixture: EngineComplianceOptions): void {
  const { main, model, corrupt = [] } = fixture
  void describe('over several loads', () => {
    let engine: EngineUnderTest
    before(async () => {
      engine = new EngineUnderTest(main)
      await engine.hello()
    })
    after(() => engine[Symbol.asyncDispose]())

    void test('unloading gives the model back, and another can be loaded', async () => {
      await using folder = await layOut(model)
      await engine.load(folder.pkg, model.settings)
      const running = work(engine, fixture)
      await Promise.race([running, busy(engine)])
      await engine.ask('unload', {})
      await running
      await refused(work(engine, fixture), 'engine/not-ready')
      assert.deepEqual(await engine.ask('health', {}), { residentBytes: 0, busy: 0 })
      await engine.load(folder.pkg, model.settings)
      await work(engine, fixture, 1)
      await engine.ask('unload', {})
    })

    void test('files that cannot be loaded are a typed error, and the process goes on', async () => {
      const others = corrupt.map((other, index) => ({ what: `corrupt fixture ${index}`, model: other }))
      for (const bad of [...corrupted(model), ...others]) {
        await using folder = await layOut(bad.model)
        await refused(engine.load(folder.pkg, bad.model.settings), 'model/load-failed', bad.what)
      }
      await using folder = await layOut(model)
      await refused(engine.load({ ...folder.pkg, roles: {} }, model.settings), 'model/load-failed', 'no roles')
      await refused(engine.load({ ...folder.pkg, files: [] }, model.settings), 'model/load-failed', 'no files')
      assert.equal((await engine.ask('health', {})).busy, 0)
      await engine.load(folder.pkg, model.settings)
      await engine.ask('unload', {})
    })
  })
}

function testEnds(fixture: EngineComplianceOptions): void {
  const { main, model } = fixture
  void test('bytes that are no frame end it, with a line in the log and a code that is not 0', async () => {
    await using engine = new EngineUnderTest(main)
    await engine.hello()
    engine.stdin.write('GET / HTTP/1.1\r\n\r\n')
    const { code } = await engine.exit(EXIT_MS_MAX)
    assert.ok(code !== 0 && code !== null, `it exited with ${code}`)
    assert.match(engine.stderr, /frame/)
  })

  void test('it exits when the host closes its stdin, idle or in mid-call', async () => {
    await using folder = await layOut(model)
    for (const isBusy of [false, true]) {
      await using engine = new EngineUnderTest(main)
      await engine.hello()
      await engine.load(folder.pkg, model.settings)
      if (isBusy) work(engine, fixture).catch(() => undefined)
      engine.stdin.end()
      const { code, signal } = await engine.exit(EXIT_MS_MAX)
      assert.equal(signal, null)
      if (!isBusy) assert.equal(code, 0)
    }
  })
}

/** Asks until something runs. */
async function busy(engine: EngineUnderTest): Promise<void> {
  while ((await engine.ask('health', {})).busy === 0);
}
