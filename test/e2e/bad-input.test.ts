// What bad input to models gets: a typed error that names it, from a daemon and engines that go on.
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { crc32, deflateSync } from 'node:zlib'
import { type Soma, type Tensor, connectHttp, isSomaError, tensor } from '@soma/sdk'
import { arithmeticModel, identityModel, reshapeModel, slowModel, writeOnnxModel } from '@soma/testkit/onnx'
import { MIB, busyProcess, outputOf, peakMib, refusalOf, refused, root, temporaryFolder, until } from './attack.ts'
import { TestDaemon, echoModel } from './daemon.ts'

/** What the ocr engine may ever take: its models, a picture at the limit, and what the detector needs for its working copy. */
const OCR_MIB_MAX = 900

describe('bad input to models', () => {
  let daemon: TestDaemon
  let socket: Soma
  let http: Soma
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    folder = await temporaryFolder()
    daemon = await TestDaemon.start()
    socket = await daemon.connect()
    const { token } = await socket.capability.issue({ grants: [{ resource: 'model/*', rights: ['list', 'read', 'invoke', 'load'] }] })
    http = connectHttp({ url: daemon.url, token })
  })
  after(async () => {
    await http?.[Symbol.asyncDispose]()
    await socket?.[Symbol.asyncDispose]()
    await daemon?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
    assert.deepEqual(daemon.processes(), [])
  })

  const install = async (name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> => {
    const path = join(folder.path, name)
    await mkdir(path, { recursive: true })
    for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content)
    await outputOf(socket.model.install({ reference: `file/${path}`, name }))
  }
  const pidOf = async (model: string): Promise<number> => {
    const { processes } = await socket.system.status()
    return processes.find((process) => process.model === model)?.pid ?? assert.fail(`no process runs ${model}`)
  }

  test('an unknown model is not found, and the nearest names are told', async () => {
    await install('receipts', { 'model.onnx': identityModel('float32') })
    for (const soma of [socket, http]) {
      const { details } = await refused(soma.model.infer({ model: 'reciepts', inputs: [] }), 'model/not-found', /did you mean receipts\?/)
      assert.deepEqual(details, { name: 'reciepts', nearest: ['receipts'] })
      await refused(soma.model.show({ model: 'reciepts' }), 'model/not-found')
      await refused(outputOf(soma.model.generate({ model: 'reciepts', prompt: '' })), 'model/not-found')
    }
  })

  describe('to an ONNX model', () => {
    before(async () => {
      const manifest = ['apiVersion: soma/v1', 'kind: Model', 'metadata: {name: sums}', 'spec:', '  format:', '    type: onnx']
      const settings = ['    execution_file: model.onnx', '  engine:', '    id: onnx', '    settings: {finite: [a]}', '']
      await install('sums', { 'model.onnx': arithmeticModel(), 'manifest.yaml': [...manifest, ...settings].join('\n') })
      await install('reshape', { 'model.onnx': reshapeModel() })
    })

    const a = tensor('a', new Float32Array(6), { shape: [2, 3] })
    const b = tensor('b', new Float32Array(6), { shape: [2, 3] })
    const cases: ReadonlyArray<readonly [what: string, inputs: readonly Tensor[], expected: string, actual: string]> = [
      ['another dtype', [tensor('a', new Float64Array(6), { shape: [2, 3] }), b], 'float32[2, ?]', 'float64[2, 3]'],
      ['another rank', [tensor('a', new Float32Array(6)), b], 'float32[2, ?]', 'float32[6]'],
      ['another shape', [tensor('a', new Float32Array(6), { shape: [3, 2] }), b], 'float32[2, ?]', 'float32[3, 2]'],
      ['no tensor', [b], 'float32[2, ?]', 'nothing'],
      ['the tensor twice', [a, a, b], 'one tensor', 'it twice'],
      [
        'NaN where it is refused',
        [tensor('a', new Float32Array([0, 0, 0, 0, NaN, 0]), { shape: [2, 3] }), b],
        'finite numbers',
        'NaN or infinity at element 4',
      ],
    ]
    for (const [what, inputs, expected, actual] of cases)
      test(`${what} is a mismatch that names the input, what was expected and what came`, async () => {
        // Twice: before the model is in memory the package says what fits, after that the engine's own signature.
        for (const soma of [socket, http, socket]) {
          const { message, details } = await refused(
            soma.model.infer({ model: 'sums', inputs }),
            'model/input-mismatch',
            /^input "a": expected /,
          )
          assert.deepEqual(details, { input: 'a', expected, actual }, message)
        }
        const { outputs } = await http.model.infer({ model: 'sums', inputs: [a, b] })
        assert.deepEqual(
          outputs.map(({ name, shape }) => [name, shape]),
          [
            ['sum', [2, 3]],
            ['product', [2, 3]],
          ],
        )
      })

    test('too few or too many bytes are a mismatch with both counts', async () => {
      for (const soma of [socket, http])
        for (const bytes of [0, 23, 25, 28]) {
          const short = { name: 'a', dtype: 'float32', shape: [2, 3], data: new Uint8Array(bytes) } as const
          const { details } = await refused(soma.model.infer({ model: 'sums', inputs: [short, b] }), 'model/input-mismatch')
          assert.deepEqual(details, { input: 'a', expected: 24, actual: bytes, unit: 'bytes' })
        }
    })

    test('an input that the model does not have, and a shape that only the graph refuses, are named', async () => {
      for (const soma of [socket, http]) {
        const unknown = await refused(soma.model.infer({ model: 'sums', inputs: [a, b, { ...b, name: 'c' }] }), 'model/input-mismatch')
        assert.deepEqual(unknown.details, { input: 'c', expected: "one of the model's inputs: a, b", actual: 'an input of this name' })
        const wider = tensor('b', new Float32Array(8), { shape: [2, 4] })
        const failed = await refusalOf(soma.model.infer({ model: 'sums', inputs: [a, wider] }))
        assert.ok(['model/input-mismatch', 'engine/failed'].includes(failed.code), failed.code)
        const shape = tensor('shape', new BigInt64Array([7n]))
        assert.match(
          (await refusalOf(soma.model.infer({ model: 'reshape', inputs: [tensor('x', new Float32Array(6)), shape] }))).code,
          /^(model|engine)\//,
        )
      }
      const before = await pidOf('sums')
      await http.model.infer({ model: 'sums', inputs: [a, b] })
      assert.equal(await pidOf('sums'), before)
    })
  })

  test('a corrupt ONNX file is refused when it is installed, by name', async () => {
    const good = identityModel('float32')
    const files = {
      truncated: good.subarray(0, good.length - 7),
      empty: new Uint8Array(0),
      text: 'this is no model at all',
      zeros: new Uint8Array(4096),
    }
    for (const [name, content] of Object.entries(files)) {
      const { message } = await refused(install(`corrupt-${name}`, { 'model.onnx': content }), 'package/invalid-model')
      assert.match(message, /model\.onnx/, name)
    }
    const { models } = await socket.model.list()
    assert.ok(!models.some(({ name }) => name.startsWith('corrupt-')))
  })

  test('an ONNX file that only the library finds wrong fails to load; others run on in their processes', async () => {
    await install('fine', { 'model.onnx': identityModel('float32') })
    const x = tensor('x', new Float32Array([1, 2]))
    await socket.model.infer({ model: 'fine', inputs: [x] })
    const pid = await pidOf('fine')
    const io = { inputs: [{ name: 'x', dtype: 'float32', shape: [2] }], outputs: [{ name: 'y', dtype: 'float32', shape: [2] }] } as const
    await install('no-such-operator', {
      'model.onnx': writeOnnxModel({ ...io, nodes: [{ op: 'Nonsense', inputs: ['x'], outputs: ['y'] }] }),
    })
    await install('no-such-edge', { 'model.onnx': writeOnnxModel({ ...io, nodes: [{ op: 'Identity', inputs: ['z'], outputs: ['y'] }] }) })
    await install('cycle', {
      'model.onnx': writeOnnxModel({
        ...io,
        nodes: [
          { op: 'Add', inputs: ['x', 'y'], outputs: ['h'] },
          { op: 'Add', inputs: ['h', 'x'], outputs: ['y'] },
        ],
      }),
    })
    for (const soma of [socket, http])
      for (const model of ['no-such-operator', 'no-such-edge', 'cycle']) {
        const { retryable } = await refused(
          soma.model.infer({ model, inputs: [x] }),
          'model/load-failed',
          /onnxruntime cannot load model\.onnx/,
        )
        assert.equal(retryable, false)
        assert.deepEqual((await soma.model.infer({ model: 'fine', inputs: [x] })).outputs[0]?.data, x.data)
      }
    assert.equal(await pidOf('fine'), pid)
  })

  test('a call whose engine is killed is made once more; killed again, it fails as retryable, and the next one works', async () => {
    await install('slow', { 'model.onnx': slowModel(256, 1500) })
    await outputOf(socket.model.install({ reference: await echoModel(join(folder.path, 'echo')), name: 'echo' }))
    const waiting = { name: 'do', dtype: 'string', values: ['{"delayMs": 60000}'] } as const
    const square = tensor('x', new Float32Array(256 * 256), { shape: [256, 256] })
    const calls = {
      slow: { long: [square], next: [square] },
      echo: { long: [waiting], next: [{ name: 'int8', dtype: 'int8', values: [1] }] },
    } as const
    for (const soma of [socket, http])
      for (const [model, { long, next }] of Object.entries(calls)) {
        await socket.model.load({ model })
        const failing = refused(soma.model.infer({ model, inputs: long }), 'engine/crashed', /was ended by SIGKILL/)
        const first = await busyProcess(socket, model)
        process.kill(first, 'SIGKILL')
        process.kill(await busyProcess(socket, model, first), 'SIGKILL')
        assert.equal((await failing).retryable, true)
        // What ends its engine twice in a row waits a moment before it may start another.
        const answer = async (): Promise<number> => (await soma.model.infer({ model, inputs: next })).outputs.length
        let outputs: number | undefined
        await until(async () => {
          outputs = await answer().catch((error: unknown) => (isSomaError(error, 'engine/not-ready') ? undefined : Promise.reject(error)))
          return outputs !== undefined
        }, `${model} answers again`)
        assert.equal(outputs, 1)
      }
    const { engines } = await socket.engine.list()
    assert.deepEqual(
      engines.filter(({ restarts }) => restarts > 0).map(({ id, restarts }) => [id, restarts]),
      [
        ['echo', 4],
        ['onnx', 4],
      ],
    )
  })

  test('pictures that are truncated, huge, bombs or no pictures get typed errors; the engine reads the next one', async () => {
    const models = join(folder.path, 'ocr')
    await cp(join(root, 'node_modules', '@gutenye', 'ocr-models', 'assets'), models, { recursive: true })
    await outputOf(socket.model.install({ reference: `file/${models}`, name: 'ocr' }))
    await socket.model.load({ model: 'ocr' })
    const pid = await pidOf('ocr')
    const receipt = await readFile(join(root, 'examples', 'ocr', 'receipt.png'))
    const read = (soma: Soma, bytes: Uint8Array) => soma.model.infer({ model: 'ocr', inputs: [tensor('image', bytes)] })
    const bad: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
      'half a picture': [receipt.subarray(0, receipt.length / 2), /cannot be decoded/],
      'a header alone': [receipt.subarray(0, 40), /cannot be decoded/],
      '20,000 × 20,000': [png(20_000, 20_000), /400000000 pixels, more than the 64000000/],
      'a header that claims more than there is': [png(7000, 7000, 16), /cannot be decoded/],
      nothing: [new Uint8Array(0), /has no bytes/],
      text: [Buffer.from('GIF89a? No.'), /cannot be decoded/],
      zip: [Buffer.from('504b0304140000000800', 'hex'), /cannot be decoded/],
    }
    for (const soma of [socket, http])
      for (const [what, [bytes, message]] of Object.entries(bad))
        await refused(read(soma, bytes), 'model/unreadable-input', message).catch((error: Error) =>
          assert.fail(`${what}: ${error.message}`),
        )
    // Not an error: the picture is fine, and its comment is never unpacked whole.
    assert.equal((await read(http, pngWithTextBomb())).outputs[0]?.shape[0], 0)
    // At the limit of pixels: read, on a smaller copy.
    assert.equal((await read(http, png(8000, 8000))).outputs[0]?.shape[0], 0)
    assert.ok(peakMib(pid) < OCR_MIB_MAX, `${peakMib(pid)} MiB`)
    const [text] = (await read(http, receipt)).outputs
    assert.ok((text?.shape[0] ?? 0) >= 15)
    assert.equal(await pidOf('ocr'), pid)
  })
})

/** A picture of one bit a pixel, all black: 1,000 times smaller than what it unpacks to. `rows` of them are there. */
function png(width: number, height: number, rows = height): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 1
  const pixels = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * rows), { level: 1 })
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))])
}

const signature = Buffer.from('89504e470d0a1a0a', 'hex')

function pngWithTextBomb(): Uint8Array {
  const whole = Buffer.from(png(64, 64))
  const text = Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(256 * MIB), { level: 1 })])
  const afterHeader = signature.length + 25
  return Buffer.concat([whole.subarray(0, afterHeader), chunk('zTXt', text), whole.subarray(afterHeader)])
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const frame = Buffer.alloc(body.length + 8)
  frame.writeUInt32BE(data.length, 0)
  body.copy(frame, 4)
  frame.writeUInt32BE(crc32(body), body.length + 4)
  return frame
}
