import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ErrorCode, type SomaError, isSomaError } from '@soma/core'
import { type EngineDescriptor, type HostFacts, type Tensor, smiMethods } from '@soma/spec'
import { EngineUnderTest, type SmiOutput } from './engine-under-test.ts'
import { type ModelFixture, corrupted, layOut } from './fixture.ts'
import { misfits } from './misfits.ts'

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
  /** Requests that differ by `seed`, so that mixed-up answers are noticed. */
  readonly sample: (seed: number) => Sample
  /** A request with at least so many bytes of input, where the model can take it. */
  readonly big?: (sizeBytes: number) => Sample
  /** For engines that generate: what is generated from it takes more than 20 events. */
  readonly prompt?: string
  /** The same fixture with other content that cannot be loaded, beside empty files and noise. */
  readonly corrupt?: readonly ModelFixture[]
}

/** For any one test: far above what is right, so that only a hang reaches it. */
const TEST_TIMEOUT_MS = 60_000
const EXIT_MS_MAX = 2000
const CONCURRENT = 16
const BIG_BYTES = 16 * 1024 * 1024
const host: HostFacts = { platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 2 ** 33, memoryAvailableBytes: 2 ** 32 }

/** Registers the tests that every engine must pass: its real process is started and spoken to over pipes, in SMI v1. */
export function engineCompliance(options: EngineComplianceOptions): void {
  void describe(`the ${options.descriptor.id} engine speaks SMI v1`, { timeout: TEST_TIMEOUT_MS }, () => {
    testUnloaded(options)
    testLoaded(options)
    testLifecycle(options)
    testEnds(options)
  })
}

function testUnloaded({ main, descriptor, model }: EngineComplianceOptions): void {
  void test('it refuses a version it does not know, then greets one it knows, with its descriptor', async () => {
    await using engine = new EngineUnderTest(main)
    await refused(engine.ask('probe', host), 'engine/protocol')
    await refused(engine.ask('hello', { smiVersions: [999] }), 'engine/protocol')
    assert.deepEqual(await engine.ask('hello', { smiVersions: [1, 999] }), descriptor)
  })

  void test('before anything is loaded it probes, estimates and refuses what needs a model, a known method or valid input', async () => {
    await using engine = new EngineUnderTest(main)
    await using folder = await layOut(model)
    await engine.hello()
    const support = await engine.ask('probe', host)
    assert.ok(support.supported, `not supported here: ${support.reason}`)
    assert.ok(support.devices.length > 0)
    const options = { threads: 1, settings: { ...model.settings } }
    assert.ok((await engine.ask('estimate', { package: folder.pkg, options })).residentBytes > 0)
    await refused(engine.infer([]), 'engine/not-ready')
    await refused(engine.askRaw('no-such-method', {}), 'call/unknown')
    await refused(engine.askRaw('load', {}), 'call/invalid-input')
    assert.deepEqual(await engine.ask('health', {}), { residentBytes: 0, busy: 0 })
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
    const infer = async (sample: Sample): Promise<void> => sample.check(await engine.infer(sample.inputs))
    void test('it knows its signature, its methods and its memory', async () => {
      assert.ok(loaded.methods.includes('infer'))
      assert.equal(loaded.methods.includes('generate'), options.prompt !== undefined)
      assert.ok((await engine.ask('health', {})).residentBytes > 0)
    })

    void test('it infers', () => infer(options.sample(0)))

    void test('concurrent inferences keep their answers apart', async () => {
      await Promise.all(Array.from({ length: CONCURRENT }, (_, seed) => infer(options.sample(seed))))
    })

    void test('an input that does not fit is refused, naming it, and the next call works', async () => {
      for (const misfit of misfits(loaded.signature, options.sample(0).inputs)) {
        const error = await refused(engine.infer(misfit.inputs), 'model/input-mismatch', misfit.what)
        assert.equal(error.details['input'], misfit.input, misfit.what)
      }
      await infer(options.sample(1))
    })

    void test('only the wanted outputs come, and unknown ones are refused', async () => {
      const { inputs } = options.sample(0)
      const all = (await engine.infer(inputs)).map(({ name }) => name)
      const wanted = all.slice(0, 1)
      assert.deepEqual(
        (await engine.infer(inputs, { outputs: wanted })).map(({ name }) => name),
        wanted,
      )
      await refused(engine.infer(inputs, { outputs: ['no-such-output'] }), 'call/invalid-input')
    })

    void test('a cancelled inference ends for its caller, and the next call works', async () => {
      const cancel = new AbortController()
      const cancelled = engine.infer(options.sample(0).inputs, { signal: cancel.signal })
      cancel.abort()
      await refused(cancelled, 'call/cancelled')
      await infer(options.sample(1))
    })

    void test('a second model is refused', async () => {
      await refused(load(), 'model/in-use')
    })

    const { big, prompt } = options
    if (big) void test('tensors of 16 MB go through', async () => infer(big(BIG_BYTES)))
    if (prompt === undefined) return

    void test('a slow reader holds generation up, and misses nothing', async () => {
      const events = engine.stream({ prompt })[Symbol.asyncIterator]()
      let count = 0
      for (let step = await events.next(); step.done !== true; step = await events.next()) {
        smiMethods.generate.events.parse(step.value)
        // Each a round trip: time in which an engine that ignores credit would overrun the window, which fails the call.
        if (count++ < 8) await engine.ask('health', {})
      }
      assert.ok(count > 20, `${count} events`)
    })

    void test('leaving a stream early ends it, and the next call works', async () => {
      for await (const event of engine.stream({ prompt })) if (event !== undefined) break
      await infer(options.sample(2))
      await idle(engine)
    })
  })
}

function testLifecycle({ main, model, sample, corrupt = [] }: EngineComplianceOptions): void {
  void test('unloading gives the model back, and another can be loaded', async () => {
    await using engine = new EngineUnderTest(main)
    await using folder = await layOut(model)
    await engine.hello()
    await engine.load(folder.pkg, model.settings)
    const running = engine.infer(sample(0).inputs)
    await engine.ask('unload', {})
    sample(0).check(await running)
    await refused(engine.infer(sample(0).inputs), 'engine/not-ready')
    assert.deepEqual(await engine.ask('health', {}), { residentBytes: 0, busy: 0 })
    await engine.load(folder.pkg, model.settings)
    sample(1).check(await engine.infer(sample(1).inputs))
  })

  void test('files that cannot be loaded are a typed error, and the process goes on', async () => {
    await using engine = new EngineUnderTest(main)
    await engine.hello()
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
  })
}

function testEnds({ main, model, sample }: EngineComplianceOptions): void {
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
      if (isBusy) engine.infer(sample(0).inputs).catch(() => undefined)
      engine.stdin.end()
      const { code, signal } = await engine.exit(EXIT_MS_MAX)
      assert.equal(signal, null)
      if (!isBusy) assert.equal(code, 0)
    }
  })
}

async function refused(answer: Promise<unknown>, code: ErrorCode, what = ''): Promise<SomaError> {
  const outcome = await answer.then(
    () => 'an answer',
    (error: unknown) => error,
  )
  if (isSomaError(outcome, code)) return outcome
  return assert.fail(`${what}: expected ${code}, got ${isSomaError(outcome) ? outcome.code : ''} ${String(outcome)}`)
}

/** Asks until nothing runs; a hang reaches the test's timeout. */
async function idle(engine: EngineUnderTest): Promise<void> {
  while ((await engine.ask('health', {})).busy > 0);
}
