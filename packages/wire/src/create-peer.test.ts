import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { SomaError, isSomaError } from '@soma/core'
import { type Answer, type Peer, type PeerOptions, createChannel, createPeer } from './index.ts'

interface Pair {
  readonly asker: Peer
  readonly answerer: Peer
  readonly toAnswerer: PassThrough
  readonly toAsker: PassThrough
}

const base: PeerOptions = {
  concurrencyMax: 8,
  streamWindow: 4,
  lost: (reason) => new SomaError('engine/crashed', `lost: ${String(reason)}`),
}

function pair(answer: Answer, options: Partial<PeerOptions> = {}): Pair {
  const toAnswerer = new PassThrough()
  const toAsker = new PassThrough()
  const asker = createPeer(createChannel({ readable: toAsker, writable: toAnswerer }), { ...base, ...options })
  const answerer = createPeer(createChannel({ readable: toAnswerer, writable: toAsker }), { ...base, ...options, answer })
  return { asker, answerer, toAnswerer, toAsker }
}

const echo: Answer = async (_method, input) => input

test('a call gets its own output back, attachments included, with many under way', async () => {
  const { asker } = pair(echo, { concurrencyMax: 100 })
  const inputs = Array.from({ length: 100 }, (_, index) => ({ index, data: new Uint8Array(index).fill(index) }))
  const outputs = await Promise.all(inputs.map((input) => asker.call('echo', input)))
  for (const [index, output] of outputs.entries()) assert.deepEqual(Object(output).data, new Uint8Array(index).fill(index))
  assert.equal(asker.active, 0)
})

test('a typed error arrives as itself, anything else as internal', async () => {
  const { asker } = pair(async (method) => {
    throw method === 'typed' ? new SomaError('model/not-found', 'no such model', { details: { name: 'x' } }) : new Error('oops')
  })
  await assert.rejects(asker.call('typed', {}), (error) => isSomaError(error, 'model/not-found') && error.details['name'] === 'x')
  await assert.rejects(asker.call('other', {}), (error) => isSomaError(error, 'internal') && error.message === 'oops')
})

test('a stream gives its events in order, then its output', async () => {
  const { asker } = pair(async function* () {
    for (let count = 0; count < 100; count++) yield count
    return 'done'
  })
  const stream = asker.stream('count', {})
  const events: unknown[] = []
  for await (const event of stream) events.push(event)
  assert.deepEqual(
    events,
    Array.from({ length: 100 }, (_, index) => index),
  )
  assert.equal(await stream.output, 'done')
})
