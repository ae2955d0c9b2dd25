// When models are in memory: in a budget for one, by five modes, and across restarts; and what is said of it.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MIB, refused, soma as run, until } from './attack.ts'
import { EnginesWorld, golden, tinyGguf } from './engines-world.ts'

/** For one tiny model, which takes 140 to 200 MiB, and not for two. */
const BUDGET_BYTES = 220 * MIB
const story = golden('story')

describe('two models in a budget for one', () => {
  let world: EnginesWorld
  before(async () => {
    world = await EnginesWorld.start({ config: `[models]\nmemoryBytesMax = ${BUDGET_BYTES}\ncollateMs = 50\nwarmSpares = 0\n` })
    for (const name of ['a', 'b']) await world.install(name, tinyGguf)
  })
  afterEach(() => world.leave())
  after(async () => await world?.[Symbol.asyncDispose]())

  test('take turns without a stream being ended: those that run are read to their end, to the letter', async () => {
    const streams = await Promise.all(Array.from({ length: 4 }, () => world.begin('a', story.request)))
    const b = Promise.all([world.exact('b', 'poem'), world.exact('b', 'greeting')])
    await world.until('a', (one) => one?.state === 'draining', 'a takes no more calls')
    const { models, budgets } = await world.soma.model.resident()
    assert.deepEqual(Object.fromEntries(models.map(({ model, state, running }) => [model, [state, running]])), {
      a: ['draining', 4],
      b: ['waiting', 0],
    })
    assert.match(models.find(({ model }) => model === 'a')?.why ?? '', /takes no more calls.*b needed its memory/)
    assert.match(models.find(({ model }) => model === 'b')?.why ?? '', /waits for a to leave/)
    assert.ok(budgets.every(({ usedBytes, limitBytes }) => usedBytes <= limitBytes))
    // Whoever asks for a now comes after b.
    const later = world.exact('a', 'greeting')
    assert.deepEqual(
      await Promise.all(streams.map((stream) => stream.rest())),
      streams.map(() => story.answer),
    )
    await b
    await later
    const reasons = (await world.history('a')).map(({ what, why }) => `${what}: ${why}`)
    assert.match(reasons.join('\n'), /^loaded: .*\nunloaded: b needed its memory\.\nloaded: /)
  })

  test('under mixed load of both lose nothing and are never over the budget', async () => {
    const over = new AbortController()
    const watched = (async () => {
      while (!over.signal.aborted) {
        const { budgets, models } = await world.soma.model.resident()
        for (const { device, usedBytes, limitBytes } of budgets)
          assert.ok(usedBytes <= limitBytes, `${device} ${usedBytes} of ${limitBytes}`)
        assert.ok(models.filter(({ state }) => state === 'ready' || state === 'loading' || state === 'draining').length <= 1)
        await sleep(10)
      }
    })()
    const names = ['greeting', 'poem', 'capital-japan', 'count-30', 'unicode', 'thanks', 'code', 'sum']
    const calls = names.flatMap((name) => ['a', 'b'].map((model) => world.exact(model, name)))
    await Promise.all(calls).finally(() => over.abort())
    await watched
  })

  test('a pinned one never leaves: the other is refused with the reason, until it is unpinned', async () => {
    await world.exact('a', 'greeting')
    await world.soma.model.residency({ model: 'a', pinned: true })
    const pid = await world.pidOf('a')
    const { details } = await refused(world.ask('b', { prompt: 'x' }), 'resource/exhausted', /pinned models hold too much.*unpin one/)
    assert.equal(details['budgetBytes'], BUDGET_BYTES)
    assert.equal(await world.pidOf('a'), pid)
    const shown = await run(world.home, 'ps')
    assert.match(shown.stdout, /\na .* ready .*pinned/)
    await world.soma.model.residency({ model: 'a', pinned: false })
    await world.exact('b', 'greeting')
    const { resident, candidates } = await world.soma.model.explain({ model: 'a' })
    assert.deepEqual([resident.state, resident.why], ['absent', 'b needed its memory.'])
    assert.equal(candidates.find(({ chosen }) => chosen)?.engine, 'llama')
  })

  test('one in swap mode keeps its process and its session: it comes back with exact words and cached tokens', async () => {
    await world.soma.model.residency({ model: 'a', mode: 'swap', seconds: 1 })
    await world.soma.model.residency({ model: 'b', mode: 'dynamic' })
    const session = 'e2e'
    const first = await world.exact('a', 'dialogue-capitals', { session })
    assert.equal(first.usage.cachedTokens, 0)
    const pid = await world.pidOf('a')
    await world.until('a', (one) => one?.state === 'parked', 'its weights have left')
    assert.match((await world.resident('a'))?.why ?? '', /weights have left, its process waits \(swap=1\)/)
    const back = await world.exact('a', 'dialogue-capitals', { session })
    assert.ok(back.usage.cachedTokens > 0, 'what was computed before it left was there')
    assert.equal(await world.pidOf('a'), pid)
    await world.exact('a', 'story')
    assert.match(
      (await world.history('a')).map(({ what, why }) => `${what}: ${why}`).join('\n'),
      /loaded: Into its warm process.*\nparked: /,
    )
  })

  test('one that is parked and loses its process is loaded into a new one', async () => {
    await world.exact('a', 'greeting')
    await world.until('a', (one) => one?.state === 'parked', 'its weights have left')
    const pid = await world.pidOf('a')
    process.kill(pid, 'SIGKILL')
    await world.exact('a', 'dialogue-capitals', { session: 'e2e' })
    assert.notEqual(await world.pidOf('a'), pid)
  })

  test('a dynamic one leaves right after its call', async () => {
    await world.soma.model.residency({ model: 'b', mode: 'dynamic' })
    await world.soma.model.residency({ model: 'a', mode: 'dynamic' })
    await world.exact('b', 'greeting')
    await until(async () => (await world.soma.system.status()).processes.every(({ model }) => model !== 'b'), 'its process has ended')
    const [newest] = await world.history('b')
    assert.deepEqual(newest, { what: 'unloaded', why: 'Its call was done, and its residency is dynamic.' })
  })
})

describe('residency and settings', () => {
  let world: EnginesWorld
  before(async () => {
    world = await EnginesWorld.start()
    await world.install('tiny', tinyGguf)
    await world.echo('shy')
    await world.echo('loyal')
  })
  afterEach(() => world.leave())
  after(async () => await world?.[Symbol.asyncDispose]())

  for (const end of ['stop', 'kill'] as const)
    test(`survive a daemon that is ended by ${end}: what is persistent is loaded without being asked`, async () => {
      const set = await run(world.home, 'residency', 'set', 'loyal', 'persistent', '--pin')
      assert.equal(set.code, 0, set.stderr)
      await world.soma.model.residency({ model: 'shy', mode: 'timeout', seconds: 7 })
      await world.soma.model.configure({ model: 'tiny', settings: { contextLength: 512 } })
      await world.restart(end)
      await world.until('loyal', (one) => one?.state === 'ready', 'it is loaded')
      const loyal = await world.resident('loyal')
      assert.deepEqual(loyal?.residency, { mode: 'persistent', pinned: true })
      assert.equal(loyal?.leavesAt, null)
      assert.match(loyal?.why ?? '', /pinned, persistent/)
      const { resident } = await world.soma.model.explain({ model: 'shy' })
      assert.deepEqual([resident.residency, resident.state], [{ mode: 'timeout', seconds: 7, pinned: false }, 'absent'])
      assert.match(resident.why, /Nobody has called it since the daemon started/)
      assert.equal((await world.soma.model.load({ model: 'tiny' })).contextLength, 512)
      await world.exact('tiny', 'greeting')
    })

  test('that change while answers are on their way end none of them, and hold for the next', async () => {
    const unread = await world.begin('tiny', story.request)
    await world.soma.model.configure({ model: 'tiny', settings: { contextLength: 768 } })
    const next = world.exact('tiny', 'greeting')
    await world.until('tiny', (one) => one?.state === 'draining', 'it is loaded anew when it is free')
    assert.equal(await unread.rest(), story.answer)
    await next
    assert.equal((await world.soma.model.load({ model: 'tiny' })).contextLength, 768)
  })

  test('an unload waits for the answers on their way; a model that runs is not removed', async () => {
    const unread = await world.begin('tiny', story.request)
    await refused(world.soma.model.remove({ model: 'tiny' }), 'model/in-use')
    const unloading = world.soma.model.unload({ model: 'tiny' })
    await world.until('tiny', (one) => one?.state === 'draining', 'it drains')
    const behind = world.exact('tiny', 'greeting')
    assert.equal(await unread.rest(), story.answer)
    assert.deepEqual(await unloading, { name: 'tiny', wasLoaded: true })
    await behind
  })

  test('go with the model: one of the same name that is installed later starts afresh', async () => {
    await world.soma.model.unload({ model: 'shy' })
    await world.soma.model.remove({ model: 'shy' })
    await world.echo('shy')
    const { residency } = (await world.soma.model.explain({ model: 'shy' })).resident
    assert.deepEqual(residency, { mode: 'timeout', seconds: 300, pinned: false })
  })

  test('what a model is and why is said on the command line, too', async () => {
    await world.exact('tiny', 'greeting')
    const ps = await run(world.home, 'ps')
    assert.match(ps.stdout, /\ntiny +llama +cpu +ready .*called before \(timeout=300\)/)
    assert.match(ps.stdout, /\nloyal +echo .*\(pinned, persistent\)/)
    const explain = await run(world.home, 'explain', 'tiny')
    assert.match(explain.stdout, /→ llama on cpu, about \d+ MB\n/)
    assert.match(explain.stdout, /not for gguf: echo, .*onnx/)
    assert.match(explain.stdout, /state +ready: .*called before/)
    assert.match(explain.stdout, /loaded: In \d+ ms\./)
    await refused(world.soma.model.residency({ model: 'tiny', mode: 'dynamic', seconds: 5 }), 'call/invalid-input', /only timeout and swap/)
    const wrong = await run(world.home, 'residency', 'set', 'tiny', 'forever')
    assert.notEqual(wrong.code, 0)
    assert.match(wrong.stderr, /forever|dynamic/)
  })
})
