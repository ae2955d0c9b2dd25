// Whose turn it is: seats, cancellation, deadlines, overload, priorities. By what comes before what, not by the clock.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import OpenAI from 'openai'
import { toSomaError } from '@soma/core'
import { type Tensor, tensor } from '@soma/sdk'
import { createChannel, createPeer } from '@soma/wire'
import { refused, until } from './attack.ts'
import { EnginesWorld, golden, tinyGguf } from './engines-world.ts'

const QUEUE_MAX = 8
const behave = (behaviour: object): Tensor => tensor('do', [JSON.stringify(behaviour)])
const x = tensor('int32', new Int32Array([7]))
const story = golden('story')

describe('calls of a model take turns', () => {
  let world: EnginesWorld
  before(async () => {
    world = await EnginesWorld.start({ config: `[models]\nqueueMax = ${QUEUE_MAX}\n` })
    await world.install('tiny', tinyGguf)
    await world.install('narrow', tinyGguf)
    await world.soma.model.configure({ model: 'narrow', settings: { sequences: 1 } })
    await world.echo('echo')
  })
  afterEach(() => world.leave())
  after(async () => await world?.[Symbol.asyncDispose]())

  const token = async () => (await world.soma.capability.issue({ grants: [{ resource: 'model/*', rights: ['invoke'] }] })).token
  const isWaiting = (model: string, waiting: number) => world.until(model, (one) => one?.waiting === waiting, `${waiting} calls wait`)

  test('four streams run at once, and those behind them after that; each says its own words to the letter', async () => {
    const tales = ['story', 'count-100', 'story', 'count-100'].map(golden)
    const streams = await Promise.all(tales.map(({ request }) => world.begin('tiny', request)))
    assert.equal((await world.resident('tiny'))?.running, 4)
    const behind = ['poem', 'unicode', 'explain', 'code'].map((name) => world.exact('tiny', name))
    await isWaiting('tiny', 4)
    assert.deepEqual(
      await Promise.all(streams.map((stream) => stream.rest())),
      tales.map(({ answer }) => answer),
    )
    for (const { finish } of await Promise.all(behind)) assert.equal(finish, 'stop')
  })

  test('who does not read holds his seat, and a cancelled answer frees it: the next call is answered at once', async () => {
    const unread = await world.begin('narrow', story.request)
    const next = world.exact('narrow', 'greeting')
    await isWaiting('narrow', 1)
    const pid = await world.pidOf('narrow')
    unread.cancel()
    await refused(unread.rest(), 'call/cancelled')
    await next
    await world.exact('narrow', 'story')
    assert.equal(await world.pidOf('narrow'), pid, 'the engine went on; nobody had to end it')
  })

  test('a client that goes away gives its seat back, whether it came over the socket or over HTTP', async () => {
    const socket = connect(world.daemon.socket)
    const peer = createPeer(createChannel({ readable: socket, writable: socket }), {
      concurrencyMax: 1,
      streamWindow: 8,
      lost: toSomaError,
    })
    const gone = peer.stream('model.generate', { model: 'narrow', ...story.request })
    gone.output.catch(() => undefined)
    await gone[Symbol.asyncIterator]().next()
    const afterSocket = world.exact('narrow', 'greeting')
    await isWaiting('narrow', 1)
    socket.destroy()
    await afterSocket
    const leave = new AbortController()
    const body = { model: 'narrow', ...story.request, stream: true }
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }
    const url = `${world.daemon.url}/openai/v1/chat/completions`
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: leave.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    const pid = await world.pidOf('narrow')
    leave.abort()
    await assert.rejects(async () => await reader?.read())
    await world.exact('narrow', 'greeting')
    assert.equal(await world.pidOf('narrow'), pid)
  })

  test('a prompt that is still being worked through is left at once, too, and so is one that waits', async () => {
    const [held, queued] = [new AbortController(), new AbortController()]
    const ask = ({ signal }: AbortController) => {
      const stream = world.soma.model.generate({ model: 'narrow', prompt: 'word '.repeat(500), temperature: 0 }, { signal })
      return stream.output
    }
    const [first, second] = [ask(held), ask(queued)]
    await isWaiting('narrow', 1)
    queued.abort()
    await refused(second, 'call/cancelled')
    await isWaiting('narrow', 0)
    held.abort()
    await refused(first, 'call/cancelled')
    await world.exact('narrow', 'capital-france')
  })

  test('a deadline ends a call that runs, one that waits, and one whose model is still loading, as call/timeout', async () => {
    const unread = await world.begin('narrow', story.request)
    const late = await refused(world.ask('narrow', { prompt: 'x', deadlineMs: 30 }), 'call/timeout', /narrow had not ended after 30 ms/)
    assert.deepEqual([late.details['deadlineMs'], late.retryable], [30, true])
    unread.cancel()
    await refused(world.soma.model.infer({ model: 'echo', inputs: [behave({ delayMs: 60_000 })], deadlineMs: 30 }), 'call/timeout')
    await world.echo('slow', { load: { delayMs: 60_000 } })
    await refused(world.soma.model.infer({ model: 'slow', inputs: [x], deadlineMs: 30 }), 'call/timeout')
    await world.until(
      'slow',
      (resident) => resident === undefined || resident.state === 'absent',
      'nobody wants it, and its load was given up',
    )
    await world.exact('narrow', 'greeting')
    assert.deepEqual((await world.soma.model.infer({ model: 'echo', inputs: [x] })).outputs, [x])
  })

  test('more calls than may wait are refused with the time to come again, on every face; those accepted are all answered', async () => {
    const key = await token()
    const openai = new OpenAI({ apiKey: key, baseURL: `${world.daemon.url}/openai/v1`, maxRetries: 0 })
    const hello = golden('greeting')
    const params = { model: 'narrow', messages: [{ role: 'user' as const, content: 'Hello!' }], temperature: 0 }
    const unread = await world.begin('narrow', story.request)
    // One caller may not take the last places.
    const own = Array.from({ length: QUEUE_MAX - 1 }, () => world.exact('narrow', 'greeting'))
    const other = openai.chat.completions.create(params)
    await isWaiting('narrow', QUEUE_MAX)
    const { details, retryable } = await refused(world.ask('narrow', hello.request), 'resource/exhausted', /try again in \d+ s/)
    assert.ok(Number(details['retryAfterMs']) > 0 && retryable)
    const response = await fetch(`${world.daemon.url}/v1/models/narrow/generate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'x' }),
    })
    const problem = (await response.json()) as { readonly code: string }
    assert.deepEqual([response.status, problem.code], [503, 'resource/exhausted'])
    assert.ok(Number(response.headers.get('retry-after')) >= 1)
    await assert.rejects(openai.chat.completions.create(params), (error: InstanceType<typeof OpenAI.APIError>) => {
      assert.deepEqual([error.status, error.code, error.headers?.get('x-should-retry')], [503, 'rate_limit_exceeded', 'true'])
      assert.ok(Number(error.headers?.get('retry-after-ms')) > 0)
      return true
    })
    assert.equal(await unread.rest(), story.answer)
    await Promise.all(own)
    assert.equal((await other).choices[0]?.message.content, hello.answer)
  })

  test('the more urgent of those who wait goes first', async () => {
    const unread = await world.begin('narrow', story.request)
    const order: string[] = []
    const ask = async (priority: 'batch' | 'normal' | 'realtime'): Promise<void> => {
      await world.exact('narrow', 'greeting', { priority })
      order.push(priority)
    }
    const asked = []
    for (const [index, priority] of (['batch', 'normal', 'realtime'] as const).entries()) {
      asked.push(ask(priority))
      await isWaiting('narrow', index + 1)
    }
    unread.cancel()
    await Promise.all(asked)
    assert.deepEqual(order, ['realtime', 'normal', 'batch'])
  })

  test('nothing is left under way', async () => {
    await until(async () => (await world.soma.system.status()).calls.active === 1, 'only the call that asks is active')
    const { models } = await world.soma.model.resident()
    assert.deepEqual(
      models.filter(({ running, waiting }) => running + waiting > 0),
      [],
    )
  })
})
