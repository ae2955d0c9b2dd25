import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Socket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { somaPaths } from '@soma/host'
import { type Tensor, callNames, callTable, clientCallsModule, encodeFrame } from '@soma/spec'
import { createChannel, createPeer } from '@soma/wire'
import { build } from 'esbuild'
import fc from 'fast-check'
import { FrameReader } from './http/frame-reader.ts'
import { SomaError, connect, connectHttp, tensor, values } from './index.ts'
import { socketPath } from './node/socket-path.ts'

test('the generated calls are the table’s; after a change run `npm run docs`', () => {
  assert.equal(readFileSync(join(import.meta.dirname, 'generated/calls.ts'), 'utf8'), clientCallsModule(callTable))
})

test('every call of the table is a method of its noun', () => {
  const soma = connectHttp({ url: 'http://localhost' }) as unknown as Record<string, Record<string, unknown>>
  for (const name of callNames) {
    const [noun = '', verb = ''] = name.split('.')
    assert.equal(typeof soma[noun]?.[verb], 'function', name)
  }
})

test('the types follow the table', () => {
  // Checked by the compiler: none of this runs.
  const types = async (): Promise<void> => {
    const soma = connectHttp({ url: '' })
    const { models } = await soma.model.list()
    models[0]?.sizeBytes.toFixed()
    const install = soma.model.install({ reference: 'npm/x' })
    for await (const event of install) if (event.type === 'download') event.receivedBytes.toFixed()
    ;(await install.output).alreadyInstalled.valueOf()
    // @ts-expect-error: a reference is needed
    soma.model.install({})
    // @ts-expect-error: no such verb
    soma.model.fly({})
    // @ts-expect-error: a unary call has no events
    soma.model.list()[Symbol.asyncIterator]()
  }
  assert.equal(typeof types, 'function')
})

const bundleOptions = {
  bundle: true,
  write: false,
  minify: true,
  format: 'esm',
  platform: 'browser',
  metafile: true,
  absWorkingDir: import.meta.dirname,
} as const

test('in a browser the client is small, and needs neither Node nor zod', async () => {
  const { metafile, outputFiles } = await build({ ...bundleOptions, entryPoints: ['browser.ts'] })
  const inputs = Object.keys(metafile.inputs)
  assert.deepEqual(
    inputs.filter(
      (path) =>
        /node:|\/zod\/|\/wire\//.test(path) && Object.values(metafile.outputs).some(({ inputs }) => (inputs[path]?.bytesInOutput ?? 0) > 0),
    ),
    [],
  )
  const bytes = gzipSync(outputFiles[0]?.contents ?? '').byteLength
  assert.ok(bytes < 10 * 1024, `${bytes} bytes gzip`)
})

test('a page that imports the package by name gets the browser half', async () => {
  const { metafile } = await build({
    ...bundleOptions,
    stdin: { contents: "export { connectHttp } from '@soma/sdk'", resolveDir: import.meta.dirname },
  })
  assert.ok(!Object.keys(metafile.inputs).some((path) => path.includes('node/connect')))
})

test('a tensor keeps its bytes, and reads back as what it was made of', () => {
  const floats = new Float32Array([1.5, -2])
  assert.deepEqual(tensor('x', floats, { shape: [1, 2] }), {
    name: 'x',
    dtype: 'float32',
    shape: [1, 2],
    data: new Uint8Array(floats.buffer),
  })
  assert.equal(tensor('x', floats).data.buffer, floats.buffer)
  const made: ReadonlyArray<readonly [Tensor, readonly unknown[]]> = [
    [tensor('a', ['ü', '']), ['ü', '']],
    [tensor('a', [true, false]), [true, false]],
    [tensor('a', [1, 2.5]), [1, 2.5]],
    [tensor('a', [1, 2.5], { dtype: 'float16' }), [1, 2.5]],
    [tensor('a', new BigInt64Array([-1n, 9007199254740993n])), [-1, '9007199254740993']],
    [tensor('a', new Uint8Array([0, 1]), { dtype: 'bool' }), [false, true]],
    [tensor('a', Buffer.from([7])), [7]],
    [tensor('a', new Int16Array([5]).subarray(0)), [5]],
  ]
  for (const [made_, expected] of made) assert.deepEqual(values(made_), expected)
})

test('a tensor whose elements do not fit its shape or dtype is refused', () => {
  assert.throws(() => tensor('x', [1, 2, 3], { shape: [2, 2] }), { code: 'model/input-mismatch', message: /takes 4 elements, 3 came/ })
  assert.throws(() => tensor('x', [1.5], { dtype: 'int8' }), { code: 'model/input-mismatch' })
  assert.throws(() => tensor('x', new Uint8Array(4), { dtype: 'string' }), { code: 'model/input-mismatch' })
  assert.throws(() => tensor('x', new Uint8Array(3), { dtype: 'float32' }), { code: 'model/input-mismatch' })
})

test('the client looks for the socket where the daemon puts it', () => {
  const folder = fc.oneof(fc.constant(undefined), fc.constant(''), fc.stringMatching(/^\/[a-z]{1,12}(\/[a-zé]{1,60}){0,3}$/))
  const relative = fc.constantFrom('relative/folder', '.')
  const env = fc.record({
    SOMA_HOME: folder,
    HOME: fc.oneof(folder, relative),
    XDG_RUNTIME_DIR: fc.oneof(folder, relative),
    XDG_DATA_HOME: fc.oneof(folder, relative),
    TMPDIR: fc.oneof(folder, relative),
  })
  fc.assert(
    fc.property(env, fc.constantFrom('linux', 'darwin'), (env, platform) => {
      assert.equal(socketPath(env, platform), somaPaths(env, platform).socket)
    }),
  )
  assert.equal(socketPath({ SOMA_SOCKET: '/run/other.sock', SOMA_HOME: '/x' }), '/run/other.sock')
})

function bodyOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
}

test('frames are read whatever the pieces they come in', async () => {
  const messages = [{ event: 1 }, { event: { data: new Uint8Array([1, 2, 3]) } }, {}, { output: { data: new Uint8Array(0), text: 'ü' } }]
  const bytes = Buffer.concat(messages.flatMap((message) => encodeFrame(message)))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), async (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const pieces = edges.slice(1).map((end, index) => new Uint8Array(bytes.subarray(edges[index], end)))
      await using reader = new FrameReader(bodyOf(pieces))
      for (const message of messages) assert.deepEqual((await reader.next())?.message, message)
      assert.equal(await reader.next(), undefined)
    }),
  )
})

test('an answer that is cut off is an error, not an end', async () => {
  const bytes = Buffer.concat(encodeFrame({ output: 1 }))
  for (const length of [2, 6, bytes.length - 1]) {
    await using reader = new FrameReader(bodyOf([new Uint8Array(bytes.subarray(0, length))]))
    await assert.rejects(reader.next(), { code: 'daemon/unreachable' })
  }
})

test('where no daemon answers the error says how to start one', async () => {
  await assert.rejects(connect({ env: { SOMA_HOME: join(tmpdir(), 'nobody-here') } }), {
    code: 'daemon/unreachable',
    message: /soma serve --detach/,
  })
  const soma = connectHttp({ url: 'http://127.0.0.1:1/' })
  await assert.rejects(soma.system.health(), { code: 'daemon/unreachable', message: /127\.0\.0\.1:1;? .*soma serve/ })
  await assert.rejects(Array.fromAsync(soma.event.subscribe()), { code: 'daemon/unreachable' })
})

test('a server that is no daemon is told apart, and redirects are not followed', async () => {
  const answer = (response: Response) => connectHttp({ url: 'http://x', fetch: () => Promise.resolve(response) }).system.health()
  await assert.rejects(answer(new Response('<html>', { status: 200 })), {
    code: 'daemon/unreachable',
    message: /is no Soma daemon/,
    retryable: false,
  })
  await assert.rejects(answer(new Response('{"code":"new/thing","detail":"of a later version"}', { status: 418 })), {
    code: 'internal',
    message: 'new/thing: of a later version',
  })
})

test('a name that no path can hold is refused before it is sent', async () => {
  const soma = connectHttp({ url: 'http://x', fetch: () => assert.fail('sent') })
  for (const model of ['', '.', '..', undefined as unknown as string])
    await assert.rejects(soma.model.show({ model }), { code: 'call/invalid-input', details: { field: 'model' } })
})

test('a refused input mentions that the daemon has other calls than the client', async () => {
  await using daemon = await FakeDaemon.start({ protocol: 1, version: '9.9.9', calls: 'other' })
  await using soma = await connect({ socket: daemon.path })
  await assert.rejects(soma.system.health(), { code: 'call/unknown', message: /the daemon is of version 9\.9\.9/ })
})

test('a daemon with another protocol is refused with what to do', async () => {
  await using daemon = await FakeDaemon.start({ protocol: 2, version: '9.9.9', calls: '' })
  await assert.rejects(connect({ socket: daemon.path }), { code: 'daemon/unreachable', message: /update the older side/ })
})

test('when the daemon goes, calls under way and later ones say so', async () => {
  const daemon = await FakeDaemon.start({ protocol: 1, version: '1', calls: '' })
  const soma = await connect({ socket: daemon.path })
  const call = assert.rejects(soma.system.doctor(), { code: 'daemon/unreachable', message: /closed the connection/ })
  daemon.drop()
  await call
  await assert.rejects(soma.system.health(), { code: 'daemon/unreachable' })
  await daemon[Symbol.asyncDispose]()
})

test('disposing the connection cancels what is under way: an answer that never comes, and a stream that nobody reads', async () => {
  await using daemon = await FakeDaemon.start({ protocol: 1, version: '1', calls: '' })
  const soma = await connect({ socket: daemon.path })
  const answer = assert.rejects(soma.system.doctor(), { code: 'call/cancelled', message: /connection was closed/ })
  const stream = soma.model.install({ reference: 'endless' })
  const first = await stream[Symbol.asyncIterator]().next()
  assert.equal(first.done, false)
  await soma[Symbol.asyncDispose]()
  await answer
  await assert.rejects(stream.output, { code: 'call/cancelled' })
})

test('importing the client starts nothing that keeps a process alive', () => {
  const code = "const { connectHttp } = await import('@soma/sdk'); connectHttp({ url: 'http://127.0.0.1:1' })"
  execFileSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: import.meta.dirname, timeout: 60_000 })
})

async function* endless(): AsyncGenerator<unknown, unknown, void> {
  for (;;) yield await Promise.resolve({})
}

/** A peer on a socket that knows `hello`, hangs on `system.doctor`, streams without end on `model.install`, and refuses the rest. */
class FakeDaemon implements AsyncDisposable {
  readonly path: string
  readonly #folder: string
  readonly #server: ReturnType<typeof createServer>
  readonly #sockets = new Set<Socket>()

  private constructor(folder: string, hello: object) {
    this.#folder = folder
    this.path = join(folder, 'soma.sock')
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      const answer = (method: string): Promise<unknown> | AsyncGenerator<unknown, unknown, void> => {
        if (method === 'hello') return Promise.resolve(hello)
        if (method === 'model.install') return endless()
        return method === 'system.doctor' ? new Promise(() => undefined) : Promise.reject(new SomaError('call/unknown', `no "${method}"`))
      }
      createPeer(createChannel({ readable: socket, writable: socket }), {
        answer,
        concurrencyMax: 8,
        streamWindow: 8,
        lost: () => new SomaError('call/cancelled', 'gone'),
      })
    })
  }

  static async start(hello: object): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(await mkdtemp(join(tmpdir(), 'soma-sdk-')), hello)
    await new Promise<void>((resolve) => daemon.#server.listen(daemon.path, resolve))
    return daemon
  }

  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop()
    this.#server.close()
    await rm(this.#folder, { recursive: true })
  }
}
