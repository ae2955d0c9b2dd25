import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { type Socket, connect as connectSocket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { OWNER, silentLog } from '@soma/core'
import { systemClock } from '@soma/host'
import { connect, tensor } from '@soma/sdk'
import { CALLS_DIGEST, encodeFrame } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import { FakeDispatcher, behave, settled, until } from '@soma/testkit/face'
import { type IpcFace, type IpcFaceDeps, type IpcLimits, createIpcFace } from './index.ts'

/** A face on a socket in a folder of its own, with a fake kernel behind it. */
class TestFace implements AsyncDisposable {
  readonly dispatcher = new FakeDispatcher()
  readonly path: string
  readonly face: IpcFace

  private constructor(path: string, limits: Partial<IpcLimits>, deps: Partial<IpcFaceDeps>) {
    this.path = path
    this.face = createIpcFace(
      { dispatcher: this.dispatcher, clock: systemClock, log: silentLog, version: '1.2.3', ...deps },
      { path, limits },
    )
  }

  static async start(limits: Partial<IpcLimits> = {}, deps: Partial<IpcFaceDeps> = {}): Promise<TestFace> {
    const face = await TestFace.prepare(limits, deps)
    await face.face.start()
    return face
  }

  static async prepare(limits: Partial<IpcLimits> = {}, deps: Partial<IpcFaceDeps> = {}): Promise<TestFace> {
    const folder = await mkdtemp(join(tmpdir(), 'soma-ipc-'))
    return new TestFace(join(folder, 'run', 'soma.sock'), limits, deps)
  }

  async connect(): Promise<Socket> {
    const socket = connectSocket({ path: this.path }).on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.face.stop({ drainMs: 0 })
    await rm(dirname(dirname(this.path)), { recursive: true })
  }
}

const forever = (_input: unknown, { signal }: { readonly signal: AbortSignal }): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

test('the socket is its owner’s alone, in a folder that only the owner enters, and goes with the face', async () => {
  const face = await TestFace.start()
  assert.equal((await stat(face.path)).mode & 0o777, 0o600)
  assert.equal((await stat(dirname(face.path))).mode & 0o777, 0o700)
  await face.face.stop({ drainMs: 0 })
  await assert.rejects(stat(face.path), { code: 'ENOENT' })
  await rm(dirname(dirname(face.path)), { recursive: true })
})

test('a folder that others could enter is closed to them', async () => {
  await using face = await TestFace.start()
  await face.face.stop({ drainMs: 0 })
  await chmod(dirname(face.path), 0o777)
  const second = createIpcFace({ dispatcher: face.dispatcher, clock: systemClock, log: silentLog, version: '0' }, { path: face.path })
  await second.start()
  assert.equal((await stat(dirname(face.path))).mode & 0o777, 0o700)
  await second.stop({ drainMs: 0 })
})

test('a socket where nobody answers is replaced; one where somebody does is left alone', async () => {
  await using face = await TestFace.start()
  const again = createIpcFace({ dispatcher: face.dispatcher, clock: systemClock, log: silentLog, version: '0' }, { path: face.path })
  await assert.rejects(again.start(), { code: 'store/locked', message: /another daemon answers/ })
  await using client = await connect({ socket: face.path })
  assert.equal((await client.system.echo({ payload: 1 })).payload, 1)

  await using stale = await TestFace.prepare()
  await leaveSocketBehind(stale.path)
  await stale.face.start()
  await using other = await connect({ socket: stale.path })
  assert.equal((await other.system.echo({ payload: 2 })).payload, 2)
})

/** A socket file whose server is gone without removing it, as after SIGKILL. */
async function leaveSocketBehind(path: string): Promise<void> {
  const { mkdir, link, unlink } = await import('node:fs/promises')
  await mkdir(dirname(path), { recursive: true })
  const server = createServer().listen(`${path}.live`)
  await once(server, 'listening')
  await link(`${path}.live`, path)
  server.close()
  await once(server, 'close')
  await unlink(`${path}.live`).catch(() => undefined)
  assert.ok((await stat(path)).isSocket())
}

test('a file that is no socket is never removed', async () => {
  await using face = await TestFace.start()
  await face.face.stop({ drainMs: 0 })
  await writeFile(face.path, 'mine')
  const again = createIpcFace({ dispatcher: face.dispatcher, clock: systemClock, log: silentLog, version: '0' }, { path: face.path })
  await assert.rejects(again.start(), { code: 'config/invalid' })
  assert.equal((await stat(face.path)).size, 4)
})

test('a path that no socket can have is refused with what to do', async () => {
  const path = join(tmpdir(), 'x'.repeat(120), 'soma.sock')
  const face = createIpcFace({ dispatcher: new FakeDispatcher(), clock: systemClock, log: silentLog, version: '0' }, { path })
  await assert.rejects(face.start(), { code: 'config/invalid', message: /shorter SOMA_HOME/ })
})

test('hello says protocol, version and the digest of the calls; calls are the owner’s', async () => {
  await using face = await TestFace.start()
  await using client = await connect({ socket: face.path })
  await client.system.health()
  assert.deepEqual(face.dispatcher.calls.at(-1)?.caller, { principal: OWNER, face: 'ipc' })
  const socket = await face.connect()
  socket.write(Buffer.concat(encodeFrame({ id: 1, method: 'hello', input: {} })))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.ok(answer.includes(JSON.stringify({ protocol: 1, version: '1.2.3', calls: CALLS_DIGEST })))
  socket.destroy()
})

test('1,000 silent clients are shown out after their time; one that spoke stays', async () => {
  const clock = createTestClock()
  await using face = await TestFace.start({}, { clock })
  await using client = await connect({ socket: face.path })
  const sockets = await Promise.all(Array.from({ length: 1000 }, () => face.connect()))
  const closed = sockets.map((socket) => once(socket.resume(), 'close'))
  assert.equal((await client.system.echo({ payload: 'meanwhile' })).payload, 'meanwhile')
  await until(() => clock.pending === sockets.length, 'all are accepted')
  await clock.advance(10_000)
  await Promise.all(closed)
  assert.equal((await client.system.echo({ payload: 'after' })).payload, 'after')
})

test('connections over the limit are dropped, and a slot that is free again is used', async () => {
  await using face = await TestFace.start({ connectionsMax: 2 })
  const held = [await face.connect(), await face.connect()]
  const refused = (await face.connect()).resume()
  await once(refused, 'close')
  held[0]?.destroy()
  await until(() => held[0]?.closed === true, 'the slot is free')
  await using client = await connectSoon(face.path)
  assert.equal((await client.system.echo({ payload: 1 })).payload, 1)
  held[1]?.destroy()
})

/** The server hears of a closed connection a moment after its client. */
async function connectSoon(path: string): ReturnType<typeof connect> {
  for (;;) {
    try {
      return await connect({ socket: path })
    } catch {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

test('calls of one connection over the limit are refused, those under way go on', async () => {
  await using face = await TestFace.start({ callsPerConnectionMax: 2 })
  const gate = Promise.withResolvers<unknown>()
  using _ = behave(face.dispatcher, 'system.doctor', () => gate.promise)
  await using client = await connect({ socket: face.path })
  const running = [client.system.doctor(), client.system.doctor()]
  await assert.rejects(client.system.doctor(), { code: 'resource/exhausted' })
  gate.resolve({ checks: [] })
  assert.deepEqual(await Promise.all(running), [{ checks: [] }, { checks: [] }])
})

test('a connection that breaks the protocol is told why and closed; the others go on', async () => {
  await using face = await TestFace.start()
  await using client = await connect({ socket: face.path })
  const header = (length: number, text: string): Buffer => {
    const bytes = Buffer.alloc(4 + text.length)
    bytes.writeUInt32LE(length, 0)
    bytes.write(text, 4, 'latin1')
    return bytes
  }
  let deep: unknown = null
  for (let depth = 0; depth < 1000; depth++) deep = [deep]
  const broken: ReadonlyArray<readonly [Buffer, RegExp]> = [
    [header(0xffffffff, ''), /call\/too-large/],
    [header(4, 'nope'), /call\/malformed/],
    [header(5, '"\xff\xfe\xfd"'), /call\/malformed/],
    [header(2, '{}'), /call\/malformed/],
    [header(16, '{"message":null}'), /call\/malformed/],
    [Buffer.concat(encodeFrame({ id: 1 })), /call\/malformed/],
    [Buffer.concat(encodeFrame({ id: -1, method: 'system.health', input: {} })), /call\/malformed/],
    [Buffer.concat(encodeFrame({ id: 1, method: 'x'.repeat(1000), input: {} })), /call\/malformed/],
    [Buffer.concat(encodeFrame({ id: 1, method: 'system.echo', input: { payload: deep } })), /call\/too-large/],
  ]
  for (const [bytes, why] of broken) {
    const socket = await face.connect()
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.write(bytes)
    await once(socket, 'close')
    assert.match(text, why)
  }
  assert.equal((await client.system.echo({ payload: 'still here' })).payload, 'still here')
})

test('a client that goes away, or closes its half, aborts its calls', async () => {
  await using face = await TestFace.start()
  using _ = behave(face.dispatcher, 'system.doctor', forever)
  for (const leave of ['destroy', 'end'] as const) {
    const socket = await face.connect()
    socket.write(Buffer.concat(encodeFrame({ id: 1, method: 'system.doctor', input: {} })))
    await until(() => face.dispatcher.active === 1, 'the call runs')
    socket[leave]()
    await until(() => face.dispatcher.active === 0, `the call ends after ${leave}`)
  }
})

test('a client that reads nothing is held back, and others are not', async () => {
  await using face = await TestFace.start()
  let sent = 0
  const text = 'x'.repeat(64 * 1024)
  using _ = behave(face.dispatcher, 'model.generate', async function* () {
    for (; ; sent++) yield { text }
  })
  const socket = await face.connect()
  socket.pause()
  socket.write(Buffer.concat(encodeFrame({ id: 1, method: 'model.generate', input: { model: 'm', prompt: '' }, more: 1_000_000 })))
  await until(() => sent > 0, 'the stream begins')
  await using client = await connect({ socket: face.path })
  for (let call = 0; call < 100; call++) await client.system.echo({ payload: call })
  assert.ok(sent < 100, `${sent} events of 64 KiB were sent to nobody`)
  socket.destroy()
  await until(() => face.dispatcher.active === 0, 'the call ends')
})

/** An echo of `sizeBytes` zeros. */
function echoFrame(id: number, sizeBytes: number): Buffer {
  const tensor = { name: 't', dtype: 'uint8', shape: [sizeBytes], data: new Uint8Array(sizeBytes) }
  return Buffer.concat(encodeFrame({ id, method: 'system.echo', input: { tensors: [tensor] } }))
}

test('a client that calls and reads no answers is read no further, and is answered when it reads', async () => {
  const mebibyte = 1024 * 1024
  await using face = await TestFace.start({ unreadBytesMax: 2 * mebibyte })
  const socket = (await face.connect()).pause()
  for (let id = 1; id <= 64; id++) socket.write(echoFrame(id, mebibyte))
  await until(() => face.dispatcher.calls.length >= 2, 'calls are made')
  const made = await settled(() => face.dispatcher.calls.length)
  assert.ok(made < 16, `${made} answers of 1 MiB wait for nobody`)
  let readBytes = 0
  socket.on('data', (bytes: Buffer) => (readBytes += bytes.byteLength)).resume()
  await until(() => readBytes > 64 * mebibyte, 'all are answered')
  assert.equal(face.dispatcher.calls.length, 64)
  socket.destroy()
})

test('inputs of all calls have a limit, and so have frames that are still coming: what is over is refused, what is done given back', async () => {
  await using face = await TestFace.start({ heldBytesMax: 1_000_000 })
  const gate = Promise.withResolvers<unknown>()
  using slow = behave(face.dispatcher, 'system.echo', () => gate.promise)
  await using client = await connect({ socket: face.path })
  const echo = (sizeBytes: number) => client.system.echo({ tensors: [tensor('t', new Uint8Array(sizeBytes))] })
  const running = echo(600_000)
  await until(() => face.dispatcher.active === 1, 'it runs')
  await assert.rejects(echo(410_000), { code: 'resource/exhausted', retryable: true })
  const halves = await Promise.all([face.connect(), face.connect(), face.connect()])
  let text = ''
  for (const socket of halves) socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
  for (const socket of halves) socket.write(echoFrame(1, 900_000).subarray(0, 450_000))
  await until(() => halves.some(({ closed }) => closed), 'one of them is told and closed')
  assert.match(text, /resource\/exhausted/)
  gate.resolve({ payload: null, tensors: [] })
  for (const socket of halves) socket.destroy()
  await running
  slow[Symbol.dispose]()
  for (let time = 0; time < 5; time++) assert.equal((await echo(990_000)).tensors.length, 1)
})

test('a drain lets calls finish, ends endless ones, and closes idle connections', async () => {
  const face = await TestFace.start()
  const gate = Promise.withResolvers<unknown>()
  using _slow = behave(face.dispatcher, 'system.doctor', () => gate.promise)
  using _endless = behave(face.dispatcher, 'event.subscribe', async function* (input, ctx) {
    yield { seq: 0, at: 0, name: 'a.b', resource: 'a/b', data: {} }
    await forever(input, ctx)
  })
  const client = await connect({ socket: face.path })
  const idle = (await face.connect()).resume()
  const slow = client.system.doctor()
  const events = client.event.subscribe()[Symbol.asyncIterator]()
  await events.next()
  const stopped = face.face.stop({ drainMs: 60_000 })
  await once(idle, 'close')
  await assert.rejects(events.next(), { code: 'daemon/stopping' })
  gate.resolve({ checks: [] })
  assert.deepEqual(await slow, { checks: [] })
  await stopped
  await assert.rejects(client.system.health(), { code: 'daemon/unreachable' })
  await rm(dirname(dirname(face.path)), { recursive: true })
})

test('a drain ends what takes too long with daemon/stopping', async () => {
  const clock = createTestClock()
  await using face = await TestFace.start({}, { clock })
  using _ = behave(face.dispatcher, 'system.doctor', forever)
  const client = await connect({ socket: face.path })
  const slow = client.system.doctor()
  await until(() => face.dispatcher.active === 1, 'the call runs')
  const stopped = face.face.stop({ drainMs: 5000 })
  const refused = assert.rejects(slow, { code: 'daemon/stopping' })
  await clock.advance(5000)
  await refused
  await stopped
})
