import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SomaError, defined, isSomaError } from '@soma/core'
import { systemClock } from '@soma/host'
import type { Signature } from '@soma/spec'
import { World, behave, echoEngine, float32, isAlive, never, node, refused, scriptEngine } from './test-world.ts'

async function drain(
  stream: AsyncGenerator<{ readonly text: string }, { readonly text: string }, void>,
): Promise<{ pieces: string[]; text: string }> {
  const pieces: string[] = []
  for (;;) {
    const step = await stream.next()
    if (step.done) return { pieces, text: step.value.text }
    pieces.push(step.value.text)
  }
}

const vector: Signature = {
  inputs: [{ name: 'float32', dtype: 'float32', shape: [2] }],
  outputs: [{ name: 'float32', dtype: 'float32', shape: [2] }],
}

describe('an inference', () => {
  it('loads the model when first called, and says where the time went', async () => {
    await using world = await World.create({ a: {} })
    const first = await world.runtime.infer('a', { inputs: [float32(1, 2)] }, never)
    assert.deepEqual(first.outputs, [float32(1, 2)])
    assert.ok(first.timings.loadMs > 0 && first.timings.runMs > 0 && first.timings.queueMs >= 0)
    const second = await world.runtime.infer('a', { inputs: [float32(3)] }, never)
    assert.equal(second.timings.loadMs, 0)
    assert.deepEqual(world.events, ['model.loaded model/a'])
  })

  it('runs beside 199 others: all share one load, and each gets its own answer', async () => {
    await using world = await World.create({ a: {} })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => world.runtime.infer('a', { inputs: [float32(n)] }, never)))
    for (const [n, { outputs }] of answers.entries()) assert.deepEqual(outputs, [float32(n)])
    assert.equal(world.runtime.processes().length, 1)
  })

  it('is refused before it waits when its inputs do not fit, and after the load when only the engine knows', async () => {
    await using world = await World.create({ known: { signature: vector }, unknown: {} })
    const mismatch = await refused(world.runtime.infer('known', { inputs: [float32(1)] }, never), 'model/input-mismatch')
    assert.deepEqual(mismatch.details, { input: 'float32', expected: 'float32[2]', actual: 'float32[1]' })
    assert.equal(world.runtime.processes().length, 0, 'nothing was started for it')
    await refused(world.runtime.infer('unknown', { inputs: [{ ...float32(1), name: 'nobody' }] }, never), 'model/input-mismatch')
    await refused(world.runtime.infer('unknown', { inputs: [float32(1)], outputs: ['nothing'] }, never), 'model/input-mismatch')
    assert.deepEqual((await world.runtime.infer('unknown', { inputs: [float32(1)], outputs: ['float32'] }, never)).outputs, [float32(1)])
  })

  it('on an unknown model, an unknown engine or an unloadable model is a typed error', async () => {
    await using world = await World.create({ odd: { engine: 'no-such' }, corrupt: { noSuchSetting: 1 } })
    await refused(world.runtime.infer('none', { inputs: [] }, never), 'model/not-found')
    await refused(world.runtime.infer('odd', { inputs: [] }, never), 'model/unsupported')
    await refused(world.runtime.infer('corrupt', { inputs: [] }, never), 'model/load-failed')
    assert.equal(world.openPackages, 0)
  })

  it('runs on an engine that came after the model was installed', async () => {
    await using world = await World.create({ a: { engine: null } })
    assert.equal(world.runtime.engineOf(world.model('a')), 'echo')
    assert.deepEqual((await world.runtime.infer('a', { inputs: [float32(1)] }, never)).outputs, [float32(1)])
    await using bare = await World.create({ a: { engine: null } }, { engines: [scriptEngine('other', '', { formats: ['gguf'] })] })
    assert.equal(bare.runtime.engineOf(bare.model('a')), null)
    const { message } = await refused(bare.runtime.infer('a', { inputs: [] }, never), 'model/unsupported')
    assert.match(message, /model a: no engine here runs the format echo; the engines run gguf/)
  })

  it('that the engine fails is told, and the engine lives on', async () => {
    await using world = await World.create({ a: {} })
    await world.runtime.load('a', never)
    const pid = world.pid('a')
    await refused(world.runtime.infer('a', { inputs: [behave({ outcome: 'throw' })] }, never), 'engine/failed')
    await refused(world.runtime.infer('a', { inputs: [behave({ nonsense: true })] }, never), 'engine/protocol')
    await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    assert.equal(world.pid('a'), pid)
  })

  it('cannot ask for what the model has no method for', async () => {
    const engine = scriptEngine(
      'blind',
      `await serve({ load: async () => ({ signature: { inputs: [], outputs: [] }, usage: () => ({ residentBytes: 1 }), async [Symbol.asyncDispose]() {} }) })`,
    )
    await using world = await World.create({ a: { engine: 'blind' } }, { engines: [engine] })
    await refused(world.runtime.infer('a', { inputs: [] }, never), 'model/unsupported')
    await refused(drain(world.runtime.generate('a', { prompt: 'x', maxTokens: 1 }, never)), 'model/unsupported')
  })
})

describe('a generation', () => {
  it('comes in pieces that make up the text', async () => {
    await using world = await World.create({ a: {} })
    const prompt = Array.from({ length: 100 }, (_, n) => `word${n}`).join(' ')
    const { pieces, text } = await drain(world.runtime.generate('a', { prompt, maxTokens: 1000 }, never))
    assert.equal(text, prompt)
    assert.equal(pieces.length, 100)
  })

  it('that its reader leaves frees the model for the next call', async () => {
    await using world = await World.create({ a: { generate: { delayMs: 1 } } })
    for await (const { text } of world.runtime.generate('a', { prompt: 'a b c d', maxTokens: 10 }, never)) {
      assert.equal(text, 'a')
      break
    }
    const pid = world.pid('a')
    assert.equal((await drain(world.runtime.generate('a', { prompt: 'x y', maxTokens: 10 }, never))).text, 'x y')
    assert.equal(world.pid('a'), pid)
  })

  it('without end is ended at the limit', async () => {
    const model = `signature: { inputs: [], outputs: [] }, usage: () => ({ residentBytes: 1 }), async [Symbol.asyncDispose]() {}`
    const endless = `async *generate() { for (;;) yield { text: 'x'.repeat(2 ** 20) } }`
    const engine = scriptEngine('talks', `await serve({ load: async () => ({ ${model}, ${endless} }) })`)
    await using world = await World.create({ a: { engine: 'talks' } }, { engines: [engine] })
    await refused(drain(world.runtime.generate('a', { prompt: '', maxTokens: 1 }, never)), 'resource/exhausted')
  })

  it('ends when its caller cancels, or its engine dies', async () => {
    await using world = await World.create({ slow: { generate: { delayMs: 10_000 } }, deadly: { generate: { outcome: 'crash' } } })
    const cancel = new AbortController()
    const slow = drain(world.runtime.generate('slow', { prompt: 'a b', maxTokens: 10 }, cancel))
    await world.until(() => world.runtime.processes().some(({ state }) => state === 'busy'), 'the call runs')
    cancel.abort()
    await refused(slow, 'call/cancelled')
    await refused(drain(world.runtime.generate('deadly', { prompt: 'a', maxTokens: 10 }, never)), 'engine/crashed')
  })
})

/** Ends the process that runs a call of the model, once it does, as another process than `before`. */
async function killBusy(world: World, before?: number): Promise<number> {
  const busy = (): number | undefined => world.runtime.processes().find(({ state, pid }) => state === 'busy' && pid !== before)?.pid
  await world.until(() => busy() !== undefined, 'the call runs')
  const pid = defined(busy(), 'it runs')
  process.kill(pid, 'SIGKILL')
  return pid
}

describe('an engine that is killed during a call', () => {
  it('is replaced, and the call gets its answer from the new process', async () => {
    await using world = await World.create({ a: {} })
    await world.runtime.load('a', never)
    const call = world.runtime.infer('a', { inputs: [behave({ delayMs: 300 }), float32(5)] }, never)
    const queued = world.runtime.infer('a', { inputs: [float32(7)] }, never)
    const pid = await killBusy(world)
    assert.deepEqual((await call).outputs, [float32(5)])
    assert.deepEqual((await queued).outputs, [float32(7)], 'who waited gets the new process')
    assert.notEqual(world.pid('a'), pid)
    assert.deepEqual(
      world.runtime.engines().map(({ id, restarts, processes }) => ({ id, restarts, processes })),
      [{ id: 'echo', restarts: 1, processes: 1 }],
    )
  })

  it('and again in the second try fails it as engine/crashed with the signal', async () => {
    await using world = await World.create({ a: {} })
    const crashed = refused(world.runtime.infer('a', { inputs: [behave({ delayMs: 20_000 })] }, never), 'engine/crashed')
    const pid = await killBusy(world, await killBusy(world))
    const { retryable, details } = await crashed
    assert.ok(retryable)
    assert.deepEqual(details, { engine: 'echo', model: 'a', pid, code: null, signal: 'SIGKILL', lastLines: [] })
  })

  it('before the first piece of a text is replaced; after it, the text is not begun anew', async () => {
    await using world = await World.create({ a: { generate: { delayMs: 200 } } })
    const whole = drain(world.runtime.generate('a', { prompt: 'x y', maxTokens: 10 }, never))
    const before = await killBusy(world)
    assert.deepEqual((await whole).pieces.join(''), 'x y')
    const begun = world.runtime.generate('a', { prompt: 'x y', maxTokens: 10 }, never)
    assert.equal((await begun.next()).done, false)
    await killBusy(world, before)
    await refused(drain(begun), 'engine/crashed')
  })

  it('while loading is replaced', async () => {
    await using world = await World.create({ a: { load: { delayMs: 200 } } })
    const loads = Promise.all([world.runtime.load('a', never), world.runtime.infer('a', { inputs: [float32(1)] }, never)])
    const loading = (): number | undefined => world.runtime.processes().find(({ state }) => state === 'loading')?.pid
    await world.until(() => loading() !== undefined, 'it loads')
    process.kill(defined(loading(), 'it loads'), 'SIGKILL')
    assert.deepEqual((await loads)[1].outputs, [float32(1)])
  })

  it('gives its call no more time than it had', async () => {
    await using world = await World.create({ a: {} })
    await world.runtime.load('a', never)
    const late = refused(
      world.runtime.infer('a', { inputs: [behave({ delayMs: 20_000 })] }, { ...never, deadlineMs: 1500 }),
      'call/timeout',
    )
    await killBusy(world)
    await late
  })

  it('again and again has to wait before it is started anew, until a call succeeds', async () => {
    await using world = await World.create({ a: {} })
    await refused(world.runtime.infer('a', { inputs: [behave({ outcome: 'crash' })] }, never), 'engine/crashed')
    const waits = await refused(world.runtime.infer('a', { inputs: [float32(1)] }, never), 'engine/not-ready')
    const { retryAfterMs } = waits.details as { retryAfterMs: number }
    assert.ok(retryAfterMs > 0 && retryAfterMs < 1000)
    await systemClock.sleep(retryAfterMs)
    await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    const call = world.runtime.infer('a', { inputs: [behave({ delayMs: 100 }), float32(1)] }, never)
    await killBusy(world)
    await call
  })

  it('while loading fails all who wait for it', async () => {
    await using world = await World.create({ a: { load: { outcome: 'crash' } } })
    const [first, second] = await Promise.allSettled([world.runtime.load('a', never), world.runtime.infer('a', { inputs: [] }, never)])
    assert.ok(first.status === 'rejected' && isSomaError(first.reason, 'engine/crashed'))
    assert.ok(second.status === 'rejected' && isSomaError(second.reason, 'engine/crashed'))
    assert.equal(world.runtime.processes().length, 0)
    assert.equal(world.openPackages, 0)
  })
})

describe('an engine that misbehaves', () => {
  it('by printing garbage fails its call as engine/protocol, and is replaced', async () => {
    await using world = await World.create({ a: {} })
    await refused(world.runtime.infer('a', { inputs: [behave({ outcome: 'garbage' })] }, never), 'engine/protocol')
    assert.deepEqual((await world.runtime.infer('a', { inputs: [float32(1)] }, never)).outputs, [float32(1)])
  })

  it('by answering what SMI does not allow, or in the kernel’s name, is a typed error', async () => {
    const load = `signature: { inputs: [], outputs: [] }, usage: () => ({ residentBytes: 1 }), async [Symbol.asyncDispose]() {}`
    const wrong = scriptEngine(
      'wrong',
      `await serve({ load: async () => ({ ${load}, infer: async () => ({ outputs: 'none' }), async *generate() { yield { token: 1 } } }) })`,
    )
    const denies = scriptEngine(
      'denies',
      `import { SomaError } from ${JSON.stringify(import.meta.resolve('@soma/core'))}
       await serve({ load: async () => ({ ${load}, infer: async () => { throw new SomaError('capability/denied', 'no') } }) })`,
    )
    await using world = await World.create({ a: { engine: 'wrong' }, b: { engine: 'denies' } }, { engines: [wrong, denies] })
    await refused(world.runtime.infer('a', { inputs: [] }, never), 'engine/protocol')
    await refused(drain(world.runtime.generate('a', { prompt: 'x', maxTokens: 1 }, never)), 'engine/protocol')
    const denied = await refused(world.runtime.infer('b', { inputs: [] }, never), 'engine/failed')
    assert.equal(denied.details['code'], 'capability/denied')
  })

  it('at its start is a typed error that quotes its last words', async () => {
    const engines = [
      { descriptor: { ...echoEngine.descriptor, id: 'silent' }, command: [node, '-e', 'setInterval(() => {}, 1000)'] as const },
      {
        descriptor: { ...echoEngine.descriptor, id: 'dies' },
        command: [node, '-e', 'console.error("no libtorch"); process.exit(3)'] as const,
      },
      { descriptor: { ...echoEngine.descriptor, id: 'other' }, command: echoEngine.command },
    ]
    await using world = await World.create({}, { engines })
    const died = await refused(world.runtime.engine('dies', never), 'engine/crashed')
    assert.deepEqual([died.details['code'], died.details['lastLines']], [3, ['no libtorch']])
    assert.match(died.message, /no libtorch/)
    await refused(world.runtime.engine('other', never), 'engine/protocol')
    await refused(world.runtime.engine('none', never), 'engine/not-found')
    assert.equal(world.runtime.processes().length, 0)
    await using hasty = await World.create({}, { engines, times: { helloMsMax: 100 } })
    await refused(hasty.runtime.engine('silent', never), 'engine/not-ready')
  })

  it('by hanging without a sign of life is ended', async () => {
    await using world = await World.create({ a: {} }, { times: { healthIntervalMs: 20, hangMsMax: 1000 } })
    await world.runtime.load('a', never)
    const hung = await refused(world.runtime.infer('a', { inputs: [behave({ blockMs: 60_000 })] }, never), 'engine/crashed')
    assert.match(hung.message, /hung/)
    await world.runtime.infer('a', { inputs: [behave({ delayMs: 100 })] }, never)
  })
})

describe('a cancelled call', () => {
  it('that heeds returns at once, and the same process serves the next', async () => {
    await using world = await World.create({ a: {} })
    await world.runtime.load('a', never)
    const pid = world.pid('a')
    const cancel = new AbortController()
    const call = world.runtime.infer('a', { inputs: [behave({ delayMs: 20_000 })] }, cancel)
    await world.until(() => world.runtime.isBusy('a'), 'the call runs')
    cancel.abort()
    await refused(call, 'call/cancelled')
    await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    assert.equal(world.pid('a'), pid)
  })

  it('whose engine is stuck returns at once; the next call gets a new process after the grace time, not a place behind it', async () => {
    await using world = await World.create({ a: {} }, { times: { cancelGraceMs: 150 } })
    for (const stuck of [{ blockMs: 60_000 }, { outcome: 'hang' }]) {
      await world.runtime.load('a', never)
      const pid = world.pid('a')
      const cancel = new AbortController()
      const call = world.runtime.infer('a', { inputs: [behave(stuck)] }, cancel)
      await world.until(() => world.runtime.processes()[0]?.state === 'busy', 'the call runs')
      const next = world.runtime.infer('a', { inputs: [float32(2)] }, never)
      const cancelled = refused(call, 'call/cancelled')
      cancel.abort()
      await Promise.race([cancelled, setImmediate().then(() => assert.fail('the caller waited'))])
      assert.deepEqual((await next).outputs, [float32(2)])
      assert.notEqual(world.pid('a'), pid)
    }
    await world.runtime.infer('a', { inputs: [float32(3)] }, never)
    assert.equal(world.runtime.engines()[0]?.restarts, 0, 'ending it was our own decision: it delays nothing')
  })

  it('that still waits in the queue is dropped at once', async () => {
    await using world = await World.create({ a: {} }, { queueMax: 1 })
    await world.runtime.load('a', never)
    const running = world.runtime.infer('a', { inputs: [behave({ delayMs: 100 }), float32(1)] }, never)
    const cancel = new AbortController()
    const queued = world.runtime.infer('a', { inputs: [] }, cancel)
    const full = await refused(world.runtime.infer('a', { inputs: [] }, never), 'resource/exhausted')
    assert.equal(full.details['limit'], 1)
    cancel.abort(new SomaError('call/timeout', 'too long'))
    await refused(queued, 'call/timeout')
    const after = world.runtime.infer('a', { inputs: [float32(2)] }, never)
    assert.deepEqual([(await running).outputs, (await after).outputs], [[float32(1)], [float32(2)]])
    await refused(world.runtime.infer('a', { inputs: [] }, cancel), 'call/timeout')
  })

  it('whose model is loading ends the load, and the next caller gets a new one', async () => {
    await using world = await World.create({ a: { load: { blockMs: 400 } } })
    const cancel = new AbortController()
    const call = world.runtime.infer('a', { inputs: [] }, cancel)
    await world.until(() => world.runtime.processes()[0]?.state === 'loading', 'the load began')
    const pid = world.pid('a') ?? 0
    cancel.abort()
    await refused(call, 'call/cancelled')
    const again = world.runtime.infer('a', { inputs: [float32(1)] }, never)
    await world.until(() => !isAlive(pid), 'the load was ended')
    assert.deepEqual((await again).outputs, [float32(1)])
    assert.equal(world.openPackages, 1)
  })
})

describe('a cancelled call beside others', () => {
  /** Runs three calls at once: each waits as many ms as its input says, and heeds its signal only below a second. */
  const many = scriptEngine(
    'many',
    `const infer = ({ inputs: [tensor] }, { signal }) => new Promise((resolve, reject) => {
      const [ms] = new Float32Array(tensor.data.slice().buffer)
      console.error('began ' + ms)
      if (ms < 1000 || ms > 50_000) signal.addEventListener('abort', () => reject(signal.reason))
      setTimeout(() => resolve({ outputs: [] }), ms)
    })
    const signature = { inputs: [{ name: 'float32', dtype: 'float32', shape: [1] }], outputs: [] }
    await serve({ load: async () => ({ signature, concurrency: 3, infer, usage: () => ({ residentBytes: 1 }), async [Symbol.asyncDispose]() {} }) })`,
  )
  const start = async (world: World): Promise<(ms: number, signal?: AbortSignal) => Promise<number>> => {
    await world.runtime.load('a', never)
    return async (ms, signal = never.signal) => (await world.runtime.infer('a', { inputs: [float32(ms)] }, { signal })).timings.queueMs
  }

  const began = async (world: World, ms: number): Promise<void> =>
    await world.until(() => world.records.some(({ message }) => message === `began ${ms}`), 'the call runs')

  it('frees its seat at once, and nobody else’s', async () => {
    await using world = await World.create({ a: { engine: 'many' } }, { engines: [many] })
    const ask = await start(world)
    const pid = world.pid('a')
    const cancel = new AbortController()
    const others = [ask(400), ask(400)]
    const cancelled = refused(ask(60_000, cancel.signal), 'call/cancelled')
    const queued = ask(1)
    await began(world, 60_000)
    cancel.abort()
    await cancelled
    const waitedMs = await queued
    assert.ok(waitedMs < 300, `the next call waited ${waitedMs} ms`)
    await Promise.all(others)
    assert.equal(world.pid('a'), pid)
  })

  it('that is stuck lets the others end, and only then ends the process', async () => {
    await using world = await World.create({ a: { engine: 'many' } }, { engines: [many], times: { cancelGraceMs: 50 } })
    const ask = await start(world)
    const pid = world.pid('a')
    const cancel = new AbortController()
    const other = ask(700)
    const stuck = refused(ask(30_000, cancel.signal), 'call/cancelled')
    await began(world, 30_000)
    cancel.abort()
    await stuck
    await ask(100)
    assert.equal(world.pid('a'), pid, 'the third seat is good')
    await other
    await world.until(() => !isAlive(pid ?? 0), 'the process is ended')
    await ask(1)
  })
})

describe('a model whose device is gone', () => {
  it('says so, and is loaded anew by the next call', async () => {
    const engine = scriptEngine(
      'lost',
      `import { SomaError } from ${JSON.stringify(import.meta.resolve('@soma/core'))}
      const infer = async ({ inputs }) => { if (inputs.length > 0) throw new SomaError('engine/device-lost', 'the GPU fell off the bus'); return { outputs: [] } }
      const signature = { inputs: [{ name: 'float32', dtype: 'float32', shape: null, optional: true }], outputs: [] }
      await serve({ load: async () => ({ signature, infer, usage: () => ({ residentBytes: 1 }), async [Symbol.asyncDispose]() {} }) })`,
    )
    await using world = await World.create({ a: { engine: 'lost' } }, { engines: [engine] })
    await world.runtime.load('a', never)
    const pid = world.pid('a')
    await refused(world.runtime.infer('a', { inputs: [float32(1)] }, never), 'engine/device-lost')
    await world.runtime.infer('a', { inputs: [] }, never)
    assert.notEqual(world.pid('a'), pid)
  })
})
