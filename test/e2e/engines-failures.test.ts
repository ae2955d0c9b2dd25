// What an engine can do wrong: its own calls fail with a type, the next ones work, and other models' calls notice nothing.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Tensor, isSomaError, tensor } from '@soma/sdk'
import { testPython, torchModels } from '../../packages/engines/python/src/test-models.ts'
import { busyProcess, refused } from './attack.ts'
import { EnginesWorld, golden, tinyGguf } from './engines-world.ts'

const behave = (behaviour: object): Tensor => tensor('do', [JSON.stringify(behaviour)])
const x = tensor('int32', new Int32Array([7]))
const story = golden('story')
/** Long enough for a call to have come to its engine, on a busy machine too: only then is there a process to give up. */
const DEADLINE_MS = 2000
const DEADLINE = new RegExp(`\\b${DEADLINE_MS} ms`)

describe('an engine that fails', () => {
  let world: EnginesWorld
  before(async () => {
    world = await EnginesWorld.start()
    await world.install('tiny', tinyGguf)
    for (const name of ['steady', 'rowdy', 'endless', 'stuck']) await world.echo(name)
    await world.echo('stillborn', { load: { outcome: 'crash' } })
    await world.echo('mute', { load: { outcome: 'garbage' } })
  })
  afterEach(() => world.leave())
  after(async () => await world?.[Symbol.asyncDispose]())

  const infer = (...call: Parameters<EnginesWorld['infer']>) => world.infer(...call)
  /** Calls of other models that are under way while something goes wrong: an unread story, and a call that waits inside its engine. */
  const beside = async (work: () => Promise<void>): Promise<void> => {
    const [tale, steadyPid] = [await world.begin('tiny', story.request), await pidOfSteady()]
    const tinyPid = await world.pidOf('tiny')
    const waiting = infer('steady', [behave({ delayMs: 300 }), x])
    await work().catch((error: unknown) => {
      // Unread, it would hold its seat for ever.
      tale.cancel()
      throw error
    })
    assert.equal(await tale.rest(), story.answer)
    assert.deepEqual(await waiting, [x])
    assert.deepEqual([await world.pidOf('tiny'), await world.pidOf('steady')], [tinyPid, steadyPid])
  }
  const pidOfSteady = async (): Promise<number> => {
    await infer('steady', [x])
    return await world.pidOf('steady')
  }

  test('by an error without a type answers that call with engine/failed, and goes on', async () => {
    await beside(async () => {
      await infer('rowdy', [x])
      const pid = await world.pidOf('rowdy')
      await refused(infer('rowdy', [behave({ outcome: 'throw' })]), 'engine/failed', /asked to throw/)
      assert.deepEqual(await infer('rowdy', [x]), [x])
      assert.equal(await world.pidOf('rowdy'), pid)
    })
  })

  test('by aborting is started anew for the same call, and when it aborts again that fails with engine/crashed', async () => {
    await beside(async () => {
      const { details, retryable } = await refused(infer('rowdy', [behave({ outcome: 'crash' })]), 'engine/crashed', /SIGABRT/)
      assert.deepEqual([details['model'], details['signal'], retryable], ['rowdy', 'SIGABRT', true])
      await answersAgain('rowdy')
      assert.deepEqual((await world.history('rowdy')).flatMap(({ what }) => (what === 'refused' ? [] : [what])).slice(0, 4), [
        'loaded',
        'ended',
        'loaded',
        'ended',
      ])
    })
  })

  test('by writing garbage fails its calls with engine/protocol, and is started anew', async () => {
    await beside(async () => {
      await refused(infer('rowdy', [behave({ outcome: 'garbage' })]), 'engine/protocol', /does not speak SMI v1/)
      await answersAgain('rowdy')
    })
  })

  test('by being killed under a call that has given nothing away is started anew, and the call is answered', async () => {
    await infer('endless', [x])
    const pid = await world.pidOf('endless')
    const call = infer('endless', [behave({ delayMs: 200 }), x])
    await world.until('endless', (one) => one?.running === 1, 'it runs')
    process.kill(pid, 'SIGKILL')
    assert.deepEqual(await call, [x])
    assert.notEqual(await world.pidOf('endless'), pid)
  })

  test('while it loads fails those who wait, with a pause between attempts and a reason in the books', async () => {
    await beside(async () => {
      await refused(infer('stillborn', [x]), 'engine/crashed', /SIGABRT/)
      await refused(infer('mute', [x]), 'engine/protocol')
      for (const model of ['stillborn', 'mute']) assert.equal((await world.history(model))[0]?.what, 'refused')
    })
    const { processes } = await world.soma.system.status()
    assert.ok(!processes.some(({ model }) => model === 'stillborn' || model === 'mute'))
  })

  test('by never answering, or in an endless loop of native code, is given up at the deadline and ended', async () => {
    const givenUp = async (model: string, behaviour: object): Promise<void> => {
      await infer(model, [x])
      const pid = await world.pidOf(model)
      await refused(infer(model, [behave(behaviour)], { deadlineMs: DEADLINE_MS }), 'call/timeout', DEADLINE)
      assert.deepEqual(await infer(model, [x]), [x])
      assert.notEqual(await world.pidOf(model), pid)
    }
    await beside(async () => {
      await Promise.all([givenUp('endless', { outcome: 'hang' }), givenUp('stuck', { blockMs: 600_000 })])
    })
  })

  test('in native code, by SIGSEGV, fails the streams of that model alone; its next answer is right to the letter', async () => {
    const tales = await Promise.all(Array.from({ length: 3 }, () => world.begin('tiny', story.request)))
    const waiting = infer('steady', [behave({ delayMs: 300 }), x])
    const pid = await world.pidOf('tiny')
    process.kill(pid, 'SIGSEGV')
    for (const tale of tales) {
      const { details } = await refused(tale.rest(), 'engine/crashed', /llama .*model tiny.* SIGSEGV/)
      assert.deepEqual([details['signal'], details['pid']], ['SIGSEGV', pid])
    }
    assert.deepEqual(await waiting, [x])
    await world.exact('tiny', 'greeting')
    assert.notEqual(await world.pidOf('tiny'), pid)
    const [loaded, ended] = await world.history('tiny')
    assert.deepEqual([loaded?.what, ended?.what], ['loaded', 'ended'])
  })

  test('again and again makes its model wait before the next start, and no other model', async () => {
    const { code } = await crashUntilDelayed('rowdy')
    assert.equal(code, 'engine/not-ready')
    await world.exact('tiny', 'greeting')
    assert.deepEqual(await infer('endless', [x]), [x])
    await answersAgain('rowdy')
  })

  const crashUntilDelayed = async (model: string) => {
    for (let tries = 0; tries < 10; tries++) {
      const failure = await infer(model, [behave({ outcome: 'crash' })]).catch((error: { code: string }) => error)
      if ('code' in failure && failure.code !== 'engine/crashed') return failure
    }
    return assert.fail('it was started at once each time')
  }
  const answersAgain = async (model: string): Promise<void> => {
    assert.deepEqual(await afterDelay(async () => await infer(model, [x])), [x])
  }
})

/** Comes again when it is told to. */
async function afterDelay<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; ; tries++)
    try {
      return await call()
    } catch (error) {
      if (!isSomaError(error, 'engine/not-ready') || tries >= 10) throw error
      await sleep(Number(error.details['retryAfterMs']))
    }
}

const python = await testPython()

describe('the Python engine', { skip: python.skip('torch') }, () => {
  let world: EnginesWorld
  const { interpreter = '' } = python
  before(async () => {
    world = await EnginesWorld.start({ env: { SOMA_PYTHON: interpreter } })
    await world.offer('odd', { 'odd.pt': torchModels(interpreter)['odd.pt'] ?? '' })
    await world.echo('steady')
  })
  afterEach(() => world.leave())
  after(async () => await world?.[Symbol.asyncDispose]())

  const one = tensor('x', new Float32Array([1]))
  const run = async (does: number, more: { readonly deadlineMs?: number } = {}) => {
    const how = tensor('do', new BigInt64Array([BigInt(does)]), { shape: [] })
    return (await world.infer('odd', [one, how], more)).map(({ data }) => data)
  }

  test('answers an exception as engine/failed in the same process, and a call that loses two as engine/crashed', async () => {
    assert.deepEqual(await run(0), [one.data])
    const pid = await world.pidOf('odd')
    await refused(run(1), 'engine/failed', /it was asked to fail/)
    assert.equal(await world.pidOf('odd'), pid)
    const lost = refused(run(2), 'engine/crashed', /SIGSEGV/)
    assert.equal(await busyProcess(world.soma, 'odd'), pid)
    process.kill(pid, 'SIGSEGV')
    const waiting = world.infer('steady', [behave({ delayMs: 300 }), x])
    process.kill(await busyProcess(world.soma, 'odd', pid), 'SIGSEGV')
    await lost
    assert.deepEqual(await waiting, [x])
    assert.deepEqual(await afterDelay(async () => await run(0)), [one.data])
  })

  test('is ended when it computes on after its deadline, and the next call is answered', async () => {
    await run(0)
    const pid = await world.pidOf('odd')
    await refused(run(2, { deadlineMs: DEADLINE_MS }), 'call/timeout')
    assert.deepEqual(await run(0), [one.data])
    assert.notEqual(await world.pidOf('odd'), pid)
  })
})
