import assert from 'node:assert/strict'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { Cursor } from './cursor.ts'
import { quote } from './invalid-model.ts'
import { type ByteReader, bytesReader, openFileReader } from './reader.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-reader-'))
})
after(async () => rm(folder, { recursive: true }))

const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7) & 0xff)

describe('a byte reader', () => {
  it('gives the bytes of any range of a file, whatever was read before, and leaves earlier ones as they are', async () => {
    const path = join(folder, 'file')
    await writeFile(path, bytes)
    await using reader = await openFileReader(path, { name: 'file' })
    assert.equal(reader.sizeBytes, bytes.byteLength)
    const range = fc.tuple(fc.nat(bytes.byteLength), fc.nat(70_000))
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 20 }), async (ranges) => {
        const found = []
        for (const [begin, length] of ranges) {
          const end = Math.min(bytes.byteLength, begin + length)
          found.push({ begin, end, part: await reader.read(begin, end) })
        }
        for (const { begin, end, part } of found) assert.ok(Buffer.from(part).equals(bytes.subarray(begin, end)))
      }),
      { numRuns: 50 },
    )
  })

  it('refuses ranges that leave the file, before it allocates anything', async () => {
    const path = join(folder, 'small')
    await writeFile(path, 'small')
    await using file = await openFileReader(path, { name: 'small' })
    for (const reader of [file, bytesReader('small', Buffer.from('small'))])
      for (const [begin, end] of [
        [0, 6],
        [0, 2 ** 53],
        [-1, 2],
        [3, 2],
        [6, 6],
        [Number.NaN, 2],
        [0, Number.NaN],
      ] as const)
        await assert.rejects(
          reader.read(begin, end),
          (error) => isSomaError(error, 'package/invalid-model') && error.details['path'] === 'small',
        )
  })

  it('says what cannot be read, and which file shrank while it was', async () => {
    for (const path of [join(folder, 'missing'), folder])
      await assert.rejects(
        openFileReader(path, { name: 'm.gguf' }),
        (error) => isSomaError(error, 'file/unreadable') && /m\.gguf/.test(error.message),
      )
    const path = join(folder, 'shrinking')
    await writeFile(path, bytes)
    await using reader = await openFileReader(path, { name: 'shrinking' })
    await truncate(path, 10)
    await assert.rejects(reader.read(0, 20), (error) => isSomaError(error, 'package/invalid-model') && error.details['offset'] === 10)
  })

  it('stops when it is aborted', async () => {
    const path = join(folder, 'aborted')
    await writeFile(path, bytes)
    const controller = new AbortController()
    await using reader = await openFileReader(path, { name: 'aborted', signal: controller.signal })
    controller.abort()
    await assert.rejects(reader.read(0, 1), { code: 'call/cancelled' })
    await assert.rejects(openFileReader(path, { name: 'aborted', signal: controller.signal }), { code: 'call/cancelled' })
  })
})

describe('a cursor', () => {
  it('waits only where the window ends', async () => {
    let reads = 0
    const inner = bytesReader('counted', bytes)
    const counted: ByteReader = {
      ...inner,
      read: (begin, end) => {
        reads++
        return inner.read(begin, end)
      },
    }
    const cursor = new Cursor(counted)
    let sum = 0
    while (cursor.remaining > 0) {
      const waiting = cursor.need(1)
      if (waiting) await waiting
      sum += cursor.u8()
    }
    assert.equal(
      sum,
      bytes.reduce((a, b) => a + b, 0),
    )
    assert.equal(reads, 4)
  })

  it('reads numbers of both endiannesses as DataView does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 42, maxLength: 42 }), fc.boolean(), async (data, littleEndian) => {
        const view = new DataView(data.buffer, data.byteOffset)
        const cursor = new Cursor(bytesReader('data', data), { littleEndian })
        await cursor.need(42)
        assert.equal(cursor.u8(), view.getUint8(0))
        assert.equal(cursor.i8(), view.getInt8(1))
        assert.equal(cursor.u16(), view.getUint16(2, littleEndian))
        assert.equal(cursor.i16(), view.getInt16(4, littleEndian))
        assert.equal(cursor.u32(), view.getUint32(6, littleEndian))
        assert.equal(cursor.i32(), view.getInt32(10, littleEndian))
        assert.equal(cursor.u64(), view.getBigUint64(14, littleEndian))
        assert.equal(cursor.i64(), view.getBigInt64(22, littleEndian))
        assert.equal(cursor.f32(), view.getFloat32(30, littleEndian))
        assert.equal(cursor.f64(), view.getFloat64(34, littleEndian))
        assert.equal(cursor.remaining, 0)
      }),
    )
  })

  it('takes a 64-bit count only up to its limit, exactly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean(), async (value, littleEndian) => {
        const data = new Uint8Array(8)
        new DataView(data.buffer).setBigUint64(0, value, littleEndian)
        const count = async (max: number): Promise<number> => {
          const cursor = new Cursor(bytesReader('data', data), { littleEndian })
          await cursor.need(8)
          return cursor.u64Number(max, 'a count')
        }
        if (value <= BigInt(Number.MAX_SAFE_INTEGER)) assert.equal(await count(Number.MAX_SAFE_INTEGER), Number(value))
        else await assert.rejects(count(Number.MAX_SAFE_INTEGER), /a count of at most/)
        if (value > 0n && value <= 2n ** 53n) await assert.rejects(count(Number(value) - 1), { code: 'package/invalid-model' })
      }),
    )
  })

  it('does not go beyond its end, nor read what nobody asked for', async () => {
    const cursor = new Cursor(bytesReader('data', bytes), { offset: 10, end: 20 })
    assert.equal(cursor.remaining, 10)
    assert.throws(() => cursor.need(11), { code: 'package/invalid-model' })
    assert.throws(() => cursor.need(Number.NaN), { code: 'package/invalid-model' })
    for (const count of [11, -1, Number.NaN]) assert.throws(() => cursor.skip(count), { code: 'package/invalid-model' })
    assert.throws(() => cursor.u8(), /broken invariant/)
    await cursor.need(10)
    assert.deepEqual(cursor.bytes(10), bytes.subarray(10, 20))
  })

  it('refuses text that is no UTF-8, unless it is asked to be lenient', async () => {
    const cursor = new Cursor(bytesReader('data', Uint8Array.of(0x61, 0xff)))
    await cursor.need(2)
    assert.throws(
      () => cursor.text(2),
      (error) => isSomaError(error, 'package/invalid-model') && error.details['offset'] === 0,
    )
    cursor.back(2)
    assert.equal(cursor.text(2, { lenient: true }), 'a\ufffd')
  })
})

describe('quoted text of a file', () => {
  it('is short and cannot drive a terminal', () => {
    assert.equal(quote('a"b'), '"a\\"b"')
    assert.ok(quote('x'.repeat(1000)).length < 100)
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(quote('\u001b[2J\u009b1m\u007f\r\n\u2028'), /[\u0000-\u001f\u007f-\u009f\u2028]/)
  })
})
