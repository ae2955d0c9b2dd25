// What clients that mean harm, or are broken, get: bounded memory, a refusal, and nobody else notices.
import assert from 'node:assert/strict'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSeededRng, randomInteger } from '@soma/core'
import { type Soma, connectHttp, isSomaError, tensor } from '@soma/sdk'
import { FRAME_CONTENT_TYPE, callNames, callTable, encodeFrame, jsonSchema, leastNeedsOf, rights } from '@soma/spec'
import { arbitraryOf } from '@soma/testkit/face'
import { testSeed } from '@soma/testkit/simulate'
import fc from 'fast-check'
import { MIB, RawSocket, openFiles, peakMib, refused, residentMib, soma, temporaryFolder, until } from './attack.ts'
import { TestDaemon } from './daemon.ts'

/**
 * The most that all of these attacks together may ever have the daemon take: 90 MiB of its own, the 256 MiB of the largest
 * body twice (as it comes and as it is decoded), and garbage.
 */
const DAEMON_MIB_MAX = 800
/** A call between attacks is answered within this, on a busy machine too. */
const ANSWER_MS_MAX = 60_000

describe('bad clients', () => {
  let daemon: TestDaemon
  let owner: Soma
  let http: Soma
  let authorization: string
  /** Open files of the daemon when the attack began. */
  let quiet: number
  beforeEach(() => (quiet = openFiles(daemon.pid)))
  before(async () => {
    daemon = await TestDaemon.start()
    owner = await daemon.connect()
    const { token } = await owner.capability.issue({
      grants: [
        { resource: 'system/*', rights: ['read', 'invoke'] },
        { resource: 'model/*', rights: ['invoke'] },
        { resource: 'event/*', rights: ['list'] },
        { resource: 'capability/*', rights: ['list'] },
        { resource: 'audit/*', rights: ['read'] },
      ],
    })
    authorization = `authorization: Bearer ${token}`
    http = connectHttp({ url: daemon.url, token })
    await othersAreServed()
  })
  after(async () => {
    await owner?.[Symbol.asyncDispose]()
    await http?.[Symbol.asyncDispose]()
    const peak = peakMib(daemon.pid)
    await daemon?.[Symbol.asyncDispose]()
    assert.deepEqual(daemon.processes(), [])
    assert.ok(peak < DAEMON_MIB_MAX, `the daemon took ${peak} MiB`)
    const worse = daemon.output.split('\n').filter((line) => /"level":"(warn|error)"/.test(line))
    assert.deepEqual(worse, [], 'nothing of this is news for the log')
  })

  const othersAreServed = async (): Promise<void> => {
    const options = { signal: AbortSignal.timeout(ANSWER_MS_MAX) }
    const tensors = [tensor('t', new Uint8Array(100_000))]
    for (const client of [owner, http]) assert.equal((await client.system.echo({ tensors }, options)).tensors.length, 1)
  }
  const nothingIsLeft = async (): Promise<void> => {
    await until(() => openFiles(daemon.pid) <= quiet + 1, `${openFiles(daemon.pid)} open files, ${quiet} before`)
    await until(async () => (await owner.system.status()).calls.active === 1, 'only the one that asks is under way')
  }
  const withGrowth = async (mebibytesMax: number, attack: () => Promise<void>): Promise<void> => {
    const before = residentMib(daemon.pid)
    await attack()
    const grown = residentMib(daemon.pid) - before
    assert.ok(grown < mebibytesMax, `grew by ${grown} MiB`)
  }
  const open = async (count: number, face: 'ipc' | 'http', options?: { readonly reads: boolean }): Promise<RawSocket[]> =>
    Promise.all(Array.from({ length: count }, () => RawSocket.open(daemon, face, options)))

  for (const face of ['ipc', 'http'] as const)
    test(`1,000 clients that say nothing, or stop after a few bytes, cost little (${face})`, async () => {
      await withGrowth(100, async () => {
        const silent = await open(1000, face)
        for (const { socket } of silent.slice(0, 300)) socket.write(face === 'http' ? 'POST /v1/system/echo HT' : Buffer.from([9, 0, 0]))
        await othersAreServed()
        for (const raw of silent) raw[Symbol.dispose]()
        await nothingIsLeft()
      })
    })

  test('a stream that nobody reads piles up nothing, and its reader is told how much was missed', async () => {
    await withGrowth(100, async () => {
      using events = await RawSocket.open(daemon, 'http', { reads: false })
      events.head('GET /v1/events?names=capability.*', authorization)
      using entries = await RawSocket.open(daemon, 'http', { reads: false })
      entries.head('GET /v1/audit/tail', authorization)
      using frames = await RawSocket.open(daemon, 'ipc', { reads: false })
      frames.socket.write(Buffer.concat(encodeFrame({ id: 1, method: 'event.subscribe', input: {}, more: 1_000_000 })))
      await until(async () => (await owner.system.status()).calls.active === 4, 'all three listen')
      // More events than its queue and the socket's buffers hold.
      const grants = Array.from({ length: 64 }, (_, index) => ({ resource: `model/${'x'.repeat(200)}${index}`, rights: ['read'] as const }))
      for (let call = 0; call < 60; call++) await owner.capability.issue({ grants })
      await othersAreServed()
      frames.read()
      await frames.until(/event\.missed/)
    })
    await nothingIsLeft()
  })

  test('a client that calls and does not read its answers is held back (ipc)', async () => {
    await withGrowth(250, async () => {
      using raw = await RawSocket.open(daemon, 'ipc', { reads: false })
      const tensors = [{ name: 't', dtype: 'uint8', shape: [MIB], data: new Uint8Array(MIB) }]
      for (let id = 1; id <= 500; id++) raw.socket.write(Buffer.concat(encodeFrame({ id, method: 'system.echo', input: { tensors } })))
      const taken = (): number => raw.socket.bytesWritten - raw.socket.writableLength
      for (let last = -1; last !== taken(); await othersAreServed()) last = taken()
      assert.ok(taken() < 300 * MIB, `${taken() / MIB} MiB were taken`)
    })
    await nothingIsLeft()
  })

  test('clients that do not read their answers are all together held to a limit (http)', async () => {
    const body = Buffer.concat(encodeFrame({ tensors: [{ name: 't', dtype: 'uint8', shape: [16 * MIB], data: new Uint8Array(16 * MIB) }] }))
    const raws = await open(8, 'http', { reads: false })
    for (const raw of raws) {
      const type = [`content-type: ${FRAME_CONTENT_TYPE}`, `accept: ${FRAME_CONTENT_TYPE}`]
      raw.head('POST /v1/system/echo', authorization, ...type, `content-length: ${body.length}`)
      await raw.pour(body, body.length)
    }
    await othersAreServed()
    for (const raw of raws) raw[Symbol.dispose]()
    await nothingIsLeft()
  })

  test('a body of 1 GB is refused: before a byte of it is read when it says so, else as soon as it is too much', async () => {
    const line = 'POST /v1/models/m/infer'
    for (const type of ['application/json', FRAME_CONTENT_TYPE, 'image/png']) {
      using announced = await RawSocket.open(daemon, 'http')
      announced.head(line, authorization, `content-type: ${type}`, `content-length: ${2 ** 30}`)
      await announced.until(/^HTTP\/1.1 413 [^]*call\/too-large/)
    }
    for (const [type, mebibytesMax] of [
      ['application/json', 17],
      [FRAME_CONTENT_TYPE, 257],
    ] as const)
      await withGrowth(2 * mebibytesMax + 50, async () => {
        using growing = await RawSocket.open(daemon, 'http')
        growing.head(line, authorization, `content-type: ${type}`, 'transfer-encoding: chunked')
        const pouring = growing.pour(Buffer.from(`100000\r\n${'x'.repeat(MIB)}\r\n`), 2 ** 30)
        await othersAreServed()
        await growing.until(/^HTTP\/1.1 413 [^]*call\/too-large/)
        await growing.closed
        await pouring
      })
    // Each byte a chunk of its own: what comes is put together, or it would take a hundred times its size.
    await withGrowth(60, async () => {
      using dripping = await RawSocket.open(daemon, 'http')
      dripping.head(line, authorization, 'content-type: image/png', 'transfer-encoding: chunked')
      await dripping.pour(Buffer.from('1\r\nx\r\n'.repeat(10_000)), 8 * MIB)
      await othersAreServed()
    })
    await nothingIsLeft()
  })

  test('a frame of 1 GB that is only announced takes what has really come, 300 times over (ipc)', async () => {
    const tensors = [{ name: 't', dtype: 'uint8', shape: [2 ** 30], data: null }]
    const attachments = [{ path: ['input', 'tensors', 0, 'data'], begin: 0, end: 2 ** 30 }]
    const header = Buffer.from(
      JSON.stringify({ message: { id: 1, method: 'system.echo', input: { tensors } }, bodyBytes: 2 ** 30, attachments }),
    )
    const prefix = Buffer.alloc(4)
    prefix.writeUInt32LE(header.length)
    const begun = Buffer.concat([prefix, header, Buffer.alloc(100_000)])
    await withGrowth(200, async () => {
      const raws = await open(300, 'ipc')
      for (const { socket } of raws) socket.write(begun)
      await othersAreServed()
      assert.equal(raws.filter(({ socket }) => socket.destroyed).length, 0)
      for (const raw of raws) raw[Symbol.dispose]()
    })
    await nothingIsLeft()
  })

  test('16 MiB of nested JSON from somebody without rights are refused unread; nobody waits', async () => {
    const body = `{"payload":[${'[],'.repeat(5_000_000)}0]}`
    const refusals = Array.from({ length: 4 }, async () => {
      const response = await fetch(`${daemon.url}/v1/models/m/infer`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      })
      return response.status
    })
    // Parsing them once held everybody up for 20 s.
    await othersAreServed()
    assert.deepEqual(await Promise.all(refusals), [403, 403, 403, 403])
  })

  const malformed: ReadonlyArray<readonly [what: string, type: string, body: Uint8Array | string, status: number]> = [
    ['half of JSON', 'application/json', '{"payload":', 400],
    ['invalid UTF-8', 'application/json', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 400],
    ['JSON 100,000 levels deep', 'application/json', '['.repeat(100_000) + ']'.repeat(100_000), 413],
    ['a number too large', 'application/json', '{"payload":1e999}', 400],
    ['a frame without a header', FRAME_CONTENT_TYPE, Buffer.from([1, 2]), 400],
    ['a frame whose header is cut off', FRAME_CONTENT_TYPE, Buffer.from([255, 0, 0, 0, 0x7b]), 400],
    ['a frame whose header is too large', FRAME_CONTENT_TYPE, Buffer.from([255, 255, 255, 255]), 413],
    ['a frame with more bytes than it says', FRAME_CONTENT_TYPE, Buffer.concat([...encodeFrame({}), Buffer.alloc(8)]), 400],
    [
      'a frame with an attachment outside',
      FRAME_CONTENT_TYPE,
      frameOf({ message: { payload: null }, bodyBytes: 0, attachments: [{ path: ['payload'], begin: 0, end: 8 }] }),
      400,
    ],
    [
      'a frame with an attachment at a prototype',
      FRAME_CONTENT_TYPE,
      frameOf({ message: {}, attachments: [{ path: ['__proto__', 'polluted'], begin: 0, end: 0 }] }),
      400,
    ],
    ['a compressed body', 'application/json', '{}', 415],
  ]
  for (const [what, type, body, status] of malformed)
    test(`${what} is refused with ${status} (http)`, async () => {
      const headers = {
        'content-type': type,
        authorization: authorization.slice('authorization: '.length),
        ...(status === 415 && { 'content-encoding': 'gzip' }),
      }
      const response = await fetch(`${daemon.url}/v1/system/echo`, { method: 'POST', body: body as BodyInit, headers })
      assert.equal(response.status, status, await response.clone().text())
      assert.match(((await response.json()) as { code: string }).code, /^call\//)
    })

  test('random bytes, and frames and requests with random bytes in them, are refused or ignored, never an internal error', async () => {
    const seed = testSeed()
    const rng = createSeededRng(seed)
    const good = {
      ipc: Buffer.concat(
        encodeFrame({
          id: 1,
          method: 'system.echo',
          input: { payload: 'x', tensors: [{ name: 't', dtype: 'uint8', shape: [3], data: new Uint8Array(3) }] },
        }),
      ),
      http: Buffer.from(
        `POST /v1/system/echo?a=b HTTP/1.1\r\nhost: localhost\r\n${authorization}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
      ),
    }
    const attack = async (round: number): Promise<void> => {
      const face = round % 2 === 0 ? 'ipc' : 'http'
      const bytes = Buffer.from(round % 3 === 0 ? rng.bytes(1 + randomInteger(rng, 2000)) : good[face])
      for (let flips = randomInteger(rng, 4) + (round % 3 === 0 ? 0 : 1); flips > 0; flips--)
        bytes[randomInteger(rng, bytes.length)] = randomInteger(rng, 256)
      using raw = await RawSocket.open(daemon, face)
      raw.socket.end(bytes)
      await Promise.race([raw.closed, sleep(50)])
      assert.doesNotMatch(raw.text, /internal|HTTP\/1.1 5/, `seed ${seed}, round ${round}: ${bytes.toString('latin1')}`)
    }
    for (let round = 0; round < 400; round += 20) await Promise.all(Array.from({ length: 20 }, (_, index) => attack(round + index)))
    await othersAreServed()
    await nothingIsLeft()
  })

  test('pages of other sites reach nothing: neither by a name of their own nor by their origin', async () => {
    const port = new URL(daemon.url).port
    const hosts = [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      'localhost.evil.example',
      '127.0.0.1@evil.example',
      '[::1].evil.example',
      '',
    ]
    for (const host of hosts) {
      using raw = await RawSocket.open(daemon, 'http')
      raw.socket.write(`GET /v1/system/health HTTP/1.1\r\nhost: ${host}\r\n${authorization}\r\n\r\n`)
      await raw.until(/^HTTP\/1.1 403 [^]*call\/host-refused/)
    }
    for (const origin of [
      'http://evil.example',
      'null',
      `https://localhost:${port}`,
      `http://localhost:${Number(port) + 1}`,
      `http://127.0.0.1:${port}`,
    ])
      for (const line of ['GET /v1/system/health', 'OPTIONS /v1/models', 'POST /v1/system/shutdown', 'GET /metrics']) {
        using raw = await RawSocket.open(daemon, 'http')
        raw.head(line, authorization, `origin: ${origin}`)
        assert.doesNotMatch(await raw.until(/^HTTP\/1.1 403 [^]*call\/host-refused/), /access-control-allow/i)
      }
  })

  describe('every call of the table asks for its right', () => {
    const inputs = new Map(
      callNames.map((name) => [name, fc.sample(arbitraryOf(jsonSchema(callTable[name].input, 'input')), { numRuns: 3, seed: 1 })]),
    )
    const callAll = async (client: Soma, names: readonly string[]): Promise<void> => {
      const any = client as unknown as { call(name: string, input: unknown): Promise<unknown> }
      for (const name of names)
        for (const input of inputs.get(name as never) ?? []) {
          const error: unknown = await any.call(name, input).then(
            () => 'it was done',
            (thrown: unknown) => thrown,
          )
          // A path cannot hold every name; what never leaves the client is refused by it.
          if (isSomaError(error, 'call/invalid-input') && /must be a name/.test(error.message)) continue
          assert.ok(isSomaError(error, 'capability/denied'), `${name} ${JSON.stringify(input)}: ${String(error)}`)
        }
    }

    test('of whoever has no token: all but the health are denied', async () => {
      const anonymous = connectHttp({ url: daemon.url })
      await anonymous.system.health()
      await callAll(
        anonymous,
        callNames.filter((name) => name !== 'system.health'),
      )
    })

    test('of tokens for something else', async () => {
      const { token } = await owner.capability.issue({ grants: [{ resource: 'workflow/*', rights: [...rights] }] })
      await callAll(connectHttp({ url: daemon.url, token }), callNames)
    })

    for (const right of rights)
      test(`of tokens for everything but ${right}`, async () => {
        const others = rights.filter((other) => other !== right)
        const { token } = await owner.capability.issue({ grants: [{ resource: '*', rights: others }] })
        const names = callNames.filter((name) => leastNeedsOf(callTable[name])[0]?.right === right)
        await callAll(connectHttp({ url: daemon.url, token }), names)
      })

    test('of tokens that are expired, revoked, cut or made up', async () => {
      const grants = [{ resource: '*', rights: [...rights] }]
      const expired = await owner.capability.issue({ grants: [{ ...grants[0]!, expiresAt: 1 }] })
      const revoked = await owner.capability.issue({ grants })
      await owner.capability.revoke({ capability: revoked.capabilities[0]!.id })
      await refused(connectHttp({ url: daemon.url, token: expired.token }).model.list(), 'capability/denied', /expired/)
      for (const token of [revoked.token, expired.token.slice(0, -1), `soma_${'0'.repeat(16)}_${'A'.repeat(43)}`, 'x'])
        await refused(connectHttp({ url: daemon.url, token }).model.list(), 'capability/unauthenticated')
    })
  })
})

test('the secret of a token is in no log line, answer, metric or file', async () => {
  await using folder = await temporaryFolder()
  const home = join(folder.path, 'home')
  await mkdir(home)
  await writeFile(join(home, 'config.toml'), '[log]\nlevel = "debug"\n')
  await using daemon = await TestDaemon.start(home)
  const made = await soma(home, 'token', 'create', '--can', '*:read,list,invoke', '--label', 'test', '--json')
  const { token } = JSON.parse(made.stdout) as { token: string }
  const [, secret = ''] = /^soma_[0-9a-z]{16}_(.*)$/.exec(token) ?? []
  assert.equal(secret.length, 43)
  let answers = ''
  const ask = async (path: string, init: RequestInit = {}): Promise<void> => {
    const response = await fetch(daemon.url + path, { ...init, signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    answers += JSON.stringify([...response.headers]) + (await response.text())
  }
  const bearer = { authorization: `Bearer ${token}` }
  for (const path of ['/v1/system/status', '/v1/capabilities', '/v1/audit?limit=1000', '/v1/events/recent', '/v1/nothing', '/metrics'])
    await ask(path, { headers: bearer })
  // Where people put it by mistake.
  await ask('/v1/models', { headers: { authorization: token } })
  await ask('/v1/models', { headers: { authorization: `Bearer ${token}x` } })
  await ask('/v1/models', { headers: { ...bearer, origin: 'http://evil.example' } })
  await ask('/v1/system/status', { method: 'POST', headers: bearer })
  await ask('/v1/models/m/infer', { method: 'POST', headers: bearer, body: 'not a tensor' })
  using raw = await RawSocket.open(daemon, 'http')
  raw.socket.write(`GET / HTTP/9.9\r\nauthorization: Bearer ${token}\r\n\r\n`)
  await raw.closed
  answers += raw.text
  for (const command of [
    ['audit', 'verify'],
    ['audit', 'list', '--json'],
    ['capability', 'list', '--json'],
    ['token', 'list'],
    ['status', '--json'],
  ]) {
    const { stdout, stderr } = await soma(home, ...command)
    answers += stdout + stderr
  }
  await daemon.stop()
  assert.ok(!answers.includes(secret), 'in an answer')
  assert.ok(!daemon.output.includes(secret), 'in the log')
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) assert.ok(!(await readFile(join(entry.parentPath, entry.name))).includes(secret), entry.name)
})

function frameOf(header: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(json.length)
  return Buffer.concat([prefix, json])
}
