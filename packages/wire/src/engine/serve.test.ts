import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Socket, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ErrorCode, SomaError, isSomaError, silentLog } from '@soma/core'
import { type Engine, type LoadedModel, type Tensor, encodeValues } from '@soma/spec'
import { type Peer, createChannel, createPeer } from '../index.ts'
import { serveEngine } from './serve.ts'

const spec = { name: 'x', dtype: 'float32', shape: [-1] } as const
const pkg = { name: 'm', format: 'fake', task: 'tensor-to-tensor', directory: '/', files: [], roles: {} }
const loading = { package: pkg, options: { threads: 1, settings: {} } }
const x = { name: 'x', dtype: 'float32', shape: [1], data: encodeValues('float32', [1]) }

/** A model that records when it is given back. */
function fakeModel(parts: Partial<LoadedModel> = {}): LoadedModel & { isDisposed: boolean } {
  return {
    signature: { inputs: [spec], outputs: [spec] },
    usage: () => ({ residentBytes: 5 }),
    isDisposed: false,
    async [Symbol.asyncDispose]() {
      this.isDisposed = true
    },
    ...parts,
  }
}

interface Served {
  readonly host: Peer
  readonly toEngine: PassThrough
  readonly ended: Promise<SomaError | undefined>
}

async function serve(load: Engine['load'], isGreeted = true): Promise<Served> {
  const engine: Engine = {
    descriptor: { smiVersion: 1, id: 'fake', title: 'Fake', version: '1', formats: ['fake'], tasks: [], layouts: [] },
    probe: () => ({ supported: true, reason: '', devices: ['cpu'] }),
    estimate: () => {
      throw new Error('estimate fell over')
    },
    load,
  }
  const toEngine = new PassThrough()
  const toHost = new PassThrough()
  const host = createPeer(createChannel({ readable: toHost, writable: toEngine }), {
    concurrencyMax: 0,
    streamWindow: 4,
    lost: (reason) => new SomaError('engine/crashed', String(reason)),
  })
  const ended = serveEngine(engine, { readable: toEngine, writable: toHost, log: silentLog })
  if (isGreeted) await host.call('hello', { smiVersions: [1] })
  return { host, toEngine, ended }
}

async function refused(answer: Promise<unknown>, code: ErrorCode): Promise<SomaError> {
  const outcome: unknown = await answer.then(
    () => 'an answer',
    (error: unknown) => error,
  )
  assert.ok(isSomaError(outcome, code), String(outcome))
  return outcome
}

test('what an engine throws for itself is engine/failed; typed errors and cancellations stay what they are', async () => {
  const infer: LoadedModel['infer'] = async ({ inputs }) => {
    if (inputs[0]?.shape[0] === 1) throw new SomaError('model/unreadable-input', 'not a picture')
    throw new TypeError('cannot read properties of undefined')
  }
  const { host } = await serve(async () => fakeModel({ infer }))
  await refused(host.call('estimate', loading), 'engine/failed')
  await host.call('load', loading)
  await refused(host.call('infer', { inputs: [x] }), 'model/unreadable-input')
  const error = await refused(host.call('infer', { inputs: [{ name: 'x', dtype: 'float32', values: [1, 2] }] }), 'engine/failed')
  assert.match(error.message, /cannot read properties/)
})

test('nothing is answered before the greeting', async () => {
  const { host } = await serve(async () => fakeModel(), false)
  await refused(host.call('health', {}), 'engine/protocol')
  await refused(host.call('generate', { prompt: '' }), 'engine/protocol')
})

test('a model that cannot do a method says so', async () => {
  const { host } = await serve(async () => fakeModel())
  assert.deepEqual(Object(await host.call('load', loading)).methods, [])
  await refused(host.call('infer', { inputs: [x] }), 'model/unsupported')
  await refused(host.call('generate', { prompt: 'x' }), 'model/unsupported')
})

test('inputs are checked against the signature before the engine sees them', async () => {
  const { host } = await serve(async () => fakeModel({ infer: () => assert.fail('the engine was asked') }))
  await host.call('load', loading)
  const error = await refused(host.call('infer', { inputs: [{ ...x, data: new Uint8Array(3) }] }), 'model/input-mismatch')
  assert.equal(error.details['input'], 'x')
  await refused(host.call('infer', { inputs: [{ ...x, name: 'y' }] }), 'model/input-mismatch')
})

test('a load that was cancelled gives its model back, and the next load works', async () => {
  const models = [fakeModel(), fakeModel()]
  const { promise: go, resolve } = Promise.withResolvers<void>()
  let count = 0
  const { host } = await serve(async () => {
    const model = models[count++]
    await go
    return model ?? fakeModel()
  })
  const cancel = new AbortController()
  const load = host.call('load', loading, { signal: cancel.signal })
  await new Promise(setImmediate)
  await refused(host.call('load', loading), 'model/in-use')
  cancel.abort()
  await refused(load, 'call/cancelled')
  await host.call('hello', { smiVersions: [1] })
  resolve()
  await host.call('unload', {})
  assert.equal(models[0]?.isDisposed, true)
  await host.call('load', loading)
  assert.equal(models[1]?.isDisposed, false)
})

test('unloading waits for what runs, and refuses what comes meanwhile', async () => {
  const { promise: answer, resolve } = Promise.withResolvers<{ outputs: [] }>()
  const model = fakeModel({ infer: () => answer })
  const { host } = await serve(async () => model)
  await host.call('load', loading)
  const running = host.call('infer', { inputs: [x] })
  const unloaded = host.call('unload', {})
  await refused(host.call('infer', { inputs: [x] }), 'engine/not-ready')
  assert.deepEqual(await host.call('health', {}), { residentBytes: 5, busy: 1 })
  assert.equal(model.isDisposed, false)
  resolve({ outputs: [] })
  assert.deepEqual(await running, { outputs: [] })
  await unloaded
  assert.equal(model.isDisposed, true)
})

test('generation that fails midway gives its events, then a typed error', async () => {
  const generate: LoadedModel['generate'] = async function* () {
    yield { text: 'a' }
    throw new Error('ran out of words')
  }
  const { host } = await serve(async () => fakeModel({ generate }))
  await host.call('load', loading)
  const stream = host.stream('generate', { prompt: 'x' })
  const events: unknown[] = []
  const reading = async (): Promise<void> => {
    for await (const event of stream) events.push(event)
  }
  await refused(reading(), 'engine/failed')
  assert.deepEqual(events, [{ text: 'a' }])
})

test('when the host closes in order the model is given back', async () => {
  const model = fakeModel()
  const { host, ended } = await serve(async () => model)
  await host.call('load', loading)
  await host[Symbol.asyncDispose]()
  assert.equal(await ended, undefined)
  assert.equal(model.isDisposed, true)
})

test('when the host is gone in mid-call the call is aborted, and the model is left to the end of the process', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<boolean>()
  const infer: LoadedModel['infer'] = (_request, { signal }) => {
    signal.addEventListener('abort', () => resolve(true))
    return new Promise(() => undefined)
  }
  const model = fakeModel({ infer })
  const { host, toEngine, ended } = await serve(async () => model)
  await host.call('load', loading)
  host.call('infer', { inputs: [x] }).catch(() => undefined)
  await new Promise(setImmediate)
  toEngine.end()
  assert.ok(isSomaError(await ended))
  assert.equal(await aborted, true)
  assert.equal(model.isDisposed, false)
})

/** Both ends of a connection through the system. */
async function socketPair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-serve-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const server = createServer().listen(join(folder, 'socket'))
  t.after(() => server.close())
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const mine = connect(join(folder, 'socket'))
  return [mine, (await accepted)[0]]
}

/** A host, and an engine that remembers the arrays and the chunks that it had to do with. */
async function remembering(t: TestContext, scrub: boolean): Promise<{ readonly host: Peer; readonly seen: Uint8Array[] }> {
  const [mine, its] = await socketPair(t)
  const seen: Uint8Array[] = []
  its.on('data', (chunk: Buffer) => seen.push(chunk))
  const model = fakeModel({
    infer: async ({ inputs }) => {
      const outputs = inputs.map((input) => ({ ...input, data: input.data.slice() }))
      seen.push(...[...inputs, ...outputs].map(({ data }) => data))
      // One answer is the request itself.
      return { outputs: [...inputs, ...outputs] }
    },
    async *synthesize() {
      const samples: Tensor = { ...x, dtype: 'float32', data: encodeValues('float32', [1]) }
      seen.push(samples.data)
      yield { samples, sampleRate: 1 }
      return { sampleRate: 1, durationSeconds: 1 }
    },
  })
  const engine: Engine = {
    descriptor: { smiVersion: 1, id: 'fake', title: 'Fake', version: '1', formats: ['fake'], tasks: [], layouts: [] },
    probe: () => ({ supported: true, reason: '', devices: ['cpu'] }),
    estimate: () => ({ residentBytes: 1 }),
    load: async () => model,
  }
  const host = createPeer(createChannel({ readable: mine, writable: mine }), {
    concurrencyMax: 0,
    streamWindow: 4,
    lost: (reason) => new SomaError('engine/crashed', String(reason)),
  })
  t.after(() => host[Symbol.asyncDispose]())
  void serveEngine(engine, { readable: its, writable: its, log: silentLog })
  await host.call('hello', { smiVersions: [1] })
  await host.call('load', { ...loading, options: { ...loading.options, scrub } })
  seen.length = 0
  return { host, seen }
}

/** Or was given back. */
const isZero = (bytes: Uint8Array): boolean => bytes.byteLength === 0 || bytes.every((byte) => byte === 0)

async function allZero(seen: readonly Uint8Array[]): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!seen.every(isZero)) {
    assert.ok(performance.now() < deadline, 'something was not zeroed')
    await nextTurn()
  }
}

for (const count of [1, 100_000])
  test(`what is to be scrubbed is zeroed once the answer is written, and the answer is whole: ${count} numbers`, async (t) => {
    const { host, seen } = await remembering(t, true)
    const data = encodeValues('float32', Array<number>(count).fill(7))
    const { outputs } = (await host.call('infer', { inputs: [{ ...x, shape: [count], data }] })) as { outputs: Array<{ data: Uint8Array }> }
    for (const output of outputs) assert.deepEqual(output.data, data)
    assert.equal(outputs.length, 2)
    assert.ok(seen.length >= 3)
    // The engine's side hears a little later that the answer is gone.
    await allZero(seen)
    const stream = host.stream('synthesize', { text: 'a' })
    const [event] = await Array.fromAsync(stream)
    assert.deepEqual((event as { samples: { data: Uint8Array } }).samples.data, x.data)
    await allZero(seen)
  })

test('what is not to be scrubbed is left alone', async (t) => {
  const { host, seen } = await remembering(t, false)
  await host.call('infer', { inputs: [x] })
  await host.call('health', {})
  assert.ok(seen.length >= 3 && !seen.some(isZero))
})
