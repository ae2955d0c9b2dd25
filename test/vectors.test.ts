import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeFrame } from '@soma/spec'
import { makeVectors, vectorFolder } from '../scripts/vectors.ts'

const committed = (name: string): string => readFileSync(join(vectorFolder, name), 'utf8')

for (const [name, content] of Object.entries(makeVectors()))
  test(`sdks/vectors/${name} is what the code here writes; node scripts/vectors.ts makes it anew`, () => {
    assert.equal(committed(name), content)
  })

test('frames that no reader may take are refused with their code', () => {
  const { refused } = JSON.parse(committed('frames.json')) as { refused: Array<{ name: string; code: string; frame: string }> }
  for (const { name, code, frame } of refused) assert.throws(() => decodeFrame(Buffer.from(frame, 'hex')), { code }, name)
})
