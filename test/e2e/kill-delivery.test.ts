// The daemon is killed at 20 random moments while it downloads several files over several connections each, or commits them. What is
// listed afterwards is whole, and what had come is not fetched again.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { type Rng, createSeededRng, randomInteger } from '@soma/core'
import type { Soma } from '@soma/sdk'
import type { InstallEvent } from '@soma/spec'
import { writeSafetensors } from '@soma/testkit/formats'
import { drips } from '@soma/testkit/server'
import { testSeed } from '@soma/testkit/simulate'
import { MIB, outputOf } from './attack.ts'
import { COMMIT, DeliveryWorld } from './delivery-world.ts'

const KILLS = Number(process.env['SOMA_KILLS'] ?? 20)
/** As `PARTIAL_CHUNK_BYTES` of the store. */
const CHUNK_BYTES = 4 * MIB
/** What may be on its way in sockets' buffers when the daemon is gone, per connection. */
const UNDERWAY_BYTES = MIB
const SHARD_BYTES = [24 * MIB, 20 * MIB, 6 * MIB] as const
const TOTAL_BYTES = SHARD_BYTES.reduce((sum, bytes) => sum + bytes, 0)
const shardName = (index: number): string => `model-0000${index + 1}-of-00003.safetensors`

/** What one run of the daemon got to. */
interface Round {
  /** Bytes that were here when it began; undefined when it was killed before it had looked at all shards. */
  readonly resumedBytes: number | undefined
  readonly connections: number
  readonly acknowledged: boolean
}

test(`${KILLS} kills during parallel downloads: nothing half-installed is listed, and no more than a chunk a connection comes twice`, async (t) => {
  const seed = testSeed()
  const rng = createSeededRng(seed)
  await using world = await DeliveryWorld.start()
  const reference = publish(world)
  let [again, connections, installs, sentBefore] = [0, 0, 0, 0]
  let account = { heldBytes: 0, sentBytes: 0, lostMax: 0 }
  try {
    let before = await round(world, reference, rng)
    for (let kill = 1; kill <= KILLS; kill++) {
      const sent = shardBytesSent(world)
      account.sentBytes += sent - sentBefore
      account.lostMax += before.connections * (CHUNK_BYTES + UNDERWAY_BYTES)
      connections = Math.max(connections, before.connections)
      sentBefore = sent
      await world.daemon.start()
      const isThere = await checkListed(world, before)
      before = await round(world, reference, rng, { last: kill === KILLS })
      const { resumedBytes } = before
      if (isThere) installs++
      else if (resumedBytes === undefined) continue
      else {
        const lost = account.heldBytes + account.sentBytes - resumedBytes
        assert.ok(
          lost <= account.lostMax,
          `kill ${kill}: ${account.sentBytes} bytes came, ${lost} are lost, at most ${account.lostMax} may be`,
        )
        again += Math.max(0, lost)
      }
      account = { heldBytes: isThere ? 0 : (resumedBytes ?? 0), sentBytes: 0, lostMax: 0 }
    }
    assert.ok(before.acknowledged)
    await using owner = await world.daemon.connect()
    assert.equal((await outputOf(owner.model.verify({}))).ok, true)
    assert.equal((await owner.audit.verify()).ok, true)
    assert.ok(connections > SHARD_BYTES.length, `${connections} connections at once`)
    t.diagnostic(
      `SOMA_SEED=${seed}: ${installs} installs were whole when it was killed; ${Math.round(again / KILLS / 1024)} KiB a kill came twice`,
    )
  } catch (cause) {
    throw new Error(`failed with seed ${seed}; run again with SOMA_SEED=${seed}: ${(cause as Error).message}`, { cause })
  }
})

/** A model of three shards, which the hub sends slowly enough for kills to come in between. */
function publish(world: DeliveryWorld): string {
  const shards = SHARD_BYTES.map((sizeBytes, index) => {
    const tensor = { name: `w${index}`, dtype: 'U8', shape: [sizeBytes], data: randomBytes(sizeBytes) }
    return [shardName(index), Buffer.from(writeSafetensors({ tensors: [tensor] }))] as const
  })
  const weightMap = Object.fromEntries(SHARD_BYTES.map((_, index) => [`w${index}`, shardName(index)]))
  const reference = world.add('acme/shards', {
    'config.json': '{"model_type":"bert"}',
    'model.safetensors.index.json': JSON.stringify({ metadata: { total_size: TOTAL_BYTES }, weight_map: weightMap }),
    ...Object.fromEntries(shards),
  })
  for (const [path, body] of shards) {
    world.hub.serve({ [world.pathOf('acme/shards', path)]: { body, etag: `"${path}"`, headers: { 'x-repo-commit': COMMIT } } })
    world.hub.fail(world.pathOf('acme/shards', path), drips(128 * 1024, 4))
  }
  return reference
}

/** Installs until a random moment, and kills the daemon then; or to the end. */
async function round(
  world: DeliveryWorld,
  reference: string,
  rng: Rng,
  { last = false }: { readonly last?: boolean } = {},
): Promise<Round> {
  const killAfterBytes = last ? Infinity : randomInteger(rng, 20 * MIB)
  // Some kills come when all bytes are there: while they are hashed, checked and committed.
  const killAt = !last && rng.float() < 0.25 ? 'verify' : undefined
  const soma = await world.daemon.connect()
  let connections = 0
  const resumed = new Map<string, number>()
  const received = new Map<string, number>()
  const killed = { is: false }
  const acknowledged = await install(soma, reference, (event) => {
    connections = Math.max(connections, world.hub.requests.filter(({ state, path }) => state === 'open' && isShard(path)).length)
    if (event.type === 'adopt') for (const bytes of [resumed, received]) bytes.set(event.path, event.sizeBytes)
    if (event.type === 'download' && isShard(event.path)) {
      if (!resumed.has(event.path)) resumed.set(event.path, event.resumedBytes)
      received.set(event.path, event.receivedBytes - event.resumedBytes)
    }
    const isDue = killAt === undefined ? sumOf(received) > killAfterBytes : event.type === killAt
    if (isDue && !killed.is) void ((killed.is = true), world.daemon.kill())
  })
  if (!last) await world.daemon.kill()
  await world.hub.whenQuiet()
  await soma[Symbol.asyncDispose]()
  return { resumedBytes: resumed.size === SHARD_BYTES.length ? sumOf(resumed) : undefined, connections, acknowledged }
}

/** @returns whether the daemon said that it is done. */
async function install(soma: Soma, reference: string, onEvent: (event: InstallEvent) => void): Promise<boolean> {
  const stream = soma.model.install({ reference, name: 'shards' })
  stream.output.catch(() => undefined)
  try {
    for await (const event of stream) onEvent(event)
    await stream.output
    return true
  } catch {
    return false
  }
}

/** What is listed is whole; it is removed then, for the next kills to find a new download. @returns whether there was something. */
async function checkListed(world: DeliveryWorld, { acknowledged }: Round): Promise<boolean> {
  await using owner = await world.daemon.connect()
  const { models } = await owner.model.list()
  if (acknowledged) assert.equal(models.length, 1, 'what was acknowledged is there')
  assert.equal((await owner.audit.verify()).ok, true)
  if (models.length === 0) return false
  assert.equal((await outputOf(owner.model.verify({}))).ok, true)
  await owner.model.remove({ model: 'shards' })
  await owner.model.collect({ partials: true })
  return true
}

function isShard(path: string): boolean {
  return path.endsWith('.safetensors')
}

function shardBytesSent({ hub }: DeliveryWorld): number {
  return hub.requests.reduce((sum, { path, sentBytes }) => (isShard(path) ? sum + sentBytes : sum), 0)
}

function sumOf(bytes: ReadonlyMap<string, number>): number {
  return bytes.values().reduce((sum, one) => sum + one, 0)
}
