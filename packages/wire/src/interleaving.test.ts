import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { SomaError, isSomaError } from '@soma/core'
import fc from 'fast-check'
import { type Peer, type PeerOptions, createChannel, createPeer } from './index.ts'

/** What one caller does: how many events its stream has, how many of them it reads, and how it leaves. */
interface Caller {
  readonly events: number
  readonly reads: number
  readonly leaves: 'reading on' | 'breaking' | 'aborting' | 'failing'
  /** Turns of the event loop between two reads. */
  readonly pace: number
  readonly size: number
}

const caller: fc.Arbitrary<Caller> = fc.record({
  events: fc.nat(20),
  reads: fc.nat(20),
  leaves: fc.constantFrom('reading on', 'breaking', 'aborting', 'failing'),
  pace: fc.nat(3),
  size: fc.nat(200),
})

const options: PeerOptions = { concurrencyMax: 100, streamWindow: 3, lost: (reason) => new SomaError('internal', String(reason)) }

function connect(): { readonly asker: Peer; readonly answerer: Peer } {
  const forth = new PassThrough({ highWaterMark: 256 })
  const back = new PassThrough({ highWaterMark: 256 })
  const asker = createPeer(createChannel({ readable: back, writable: forth }), options)
  const answerer = createPeer(createChannel({ readable: forth, writable: back }), {
    ...options,
    async *answer(_method, input) {
      const { events, leaves, size } = input as Caller
      for (let index = 0; index < events; index++) yield { index, data: new Uint8Array(size).fill(index) }
      if (leaves === 'failing') throw new SomaError('model/not-found', 'as planned')
      return events
    },
  })
  return { asker, answerer }
}

/** Runs one caller and checks that it saw exactly what the model says: a prefix of its own events, then its own end. */
async function run(asker: Peer, plan: Caller): Promise<void> {
  const cancel = new AbortController()
  const stream = asker.stream('count', plan, { signal: cancel.signal })
  const isLeaving = plan.leaves === 'breaking' || plan.leaves === 'aborting'
  let next = 0
  try {
    for await (const event of stream) {
      assert.deepEqual(event, { index: next, data: new Uint8Array(plan.size).fill(next) })
      next += 1
      if (isLeaving && next > plan.reads) {
        if (plan.leaves === 'breaking') break
        cancel.abort()
      }
      for (let turn = 0; turn < plan.pace; turn++) await new Promise(setImmediate)
    }
    if (!isLeaving || plan.events <= plan.reads) assert.equal(await stream.output, plan.events)
    assert.notEqual(plan.leaves, 'failing')
  } catch (error) {
    const expected = plan.leaves === 'failing' ? 'model/not-found' : 'call/cancelled'
    assert.ok(isSomaError(error, expected), String(error))
  }
  if (!isLeaving) assert.equal(next, plan.events)
}

test('streams that interleave, pause, break, abort and fail each see their own events and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(caller, { minLength: 1, maxLength: 12 }), async (plans) => {
      const { asker, answerer } = connect()
      await Promise.all(plans.map((plan) => run(asker, plan)))
      await asker[Symbol.asyncDispose]()
      assert.equal(await answerer.closed, undefined)
      assert.equal(asker.active + answerer.active, 0)
    }),
    { numRuns: 60 },
  )
})
