import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openFileReader, readGgufHeader } from '@soma/formats'
import { writeRandomGguf } from './random-gguf.ts'
import { parametersOf, shapeWith } from './random-shape.ts'
import { type BlockType, randomBlocks, seeded } from './random-weights.ts'

let folder = ''
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'soma-random-gguf-'))))
after(() => rm(folder, { recursive: true }))

const written = async (type: BlockType, seed: number): Promise<string> => {
  const path = join(folder, `${type}-${seed}.gguf`)
  await writeRandomGguf(path, { parameters: 14_000_000, type, seed })
  return path
}

test('a random model is a whole GGUF of the size that was asked for', async () => {
  for (const type of ['q4_0', 'q8_0'] as const) {
    await using reader = await openFileReader(await written(type, 1), { name: 'random.gguf' })
    const header = await readGgufHeader(reader)
    assert.equal(header.architecture, 'llama')
    assert.equal(header.parameters, parametersOf(shapeWith(14e6)))
    assert.equal(header.quantisation, type.toUpperCase())
    assert.equal(Math.max(...header.tensors.map(({ end }) => end)), reader.sizeBytes)
  }
})

test('the same seed gives the same file, another seed another one', async () => {
  const hash = async (path: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  const first = await hash(await written('q4_0', 7))
  assert.equal(await hash(await written('q4_0', 7)), first)
  assert.notEqual(await hash(await written('q4_0', 8)), first)
})

test('shapes from 100 M to 1 B parameters come within three hundredths', () => {
  for (const wanted of [100e6, 135e6, 200e6, 350e6, 500e6, 750e6, 1e9]) {
    const parameters = parametersOf(shapeWith(wanted))
    assert.ok(Math.abs(parameters - wanted) < wanted * 0.03, `${wanted}: ${parameters}`)
  }
  assert.throws(() => shapeWith(1e6), RangeError)
})

test('weights have the size of an untrained model’s, and the first rows are zero', () => {
  const [piece] = randomBlocks({ type: 'q8_0', width: 256, rows: 64, zeroRows: 1, rng: seeded(1) })
  assert.ok(piece)
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength)
  const rows = Array.from({ length: 64 }, (_, row) =>
    Array.from({ length: 256 }, (_, column) => {
      const block = (row * 8 + Math.floor(column / 32)) * 34
      return view.getFloat16(block, true) * view.getInt8(block + 2 + (column % 32))
    }),
  )
  assert.ok(rows[0]?.every((weight) => weight === 0))
  const squares = rows.slice(1).flat()
  const mean = squares.reduce((sum, weight) => sum + weight ** 2, 0) / squares.length
  assert.ok(Math.abs(mean * 256 - 1) < 0.05, `${mean * 256}`)
})
