import assert from 'node:assert/strict'
import { test } from 'node:test'
import { candidatesOf } from './candidates.ts'
import { CODE_BYTES_MAX } from './limits.ts'
import { importsOf, plainCode, publicNames, stringsOf } from './python.ts'

test('strings are read as Python reads them, and one that does not end is none', () => {
  assert.deepEqual(stringsOf(String.raw`a('x', "y\"z", r'\d', f'{a}b', u"v")`), ['x', String.raw`y\"z`, String.raw`\d`, 'v'])
  assert.deepEqual(stringsOf(`x = 'open\ny = "closed"`), ['closed'])
  assert.equal(plainCode(`a = 'open # no comment\nb = 1 # comment`), `a = 'open # no comment\nb = 1 `)
  assert.deepEqual(importsOf('from .a import b as c , d ;'), [
    { module: '.a', name: 'b', as: 'c' },
    { module: '.a', name: 'd', as: 'd' },
  ])
})

test('no file that is read at all takes more than a moment, whatever is in it', () => {
  const fill = (text: string): string => text.repeat(CODE_BYTES_MAX / text.length)
  const files = [
    fill('\\"'),
    fill("\\'"),
    fill('"\''),
    fill('\n'),
    fill('a '),
    fill('(a={'),
    `from a import b${fill(' ')}c`,
    `def x():\n ${fill('\n')}`,
    `def x():\n xWeights\nclass xWeights:\n ${fill('\n')}`,
    `def x():\n xWeights\nclass xWeights:\n${fill(' ')}`,
    `def x():\n ${fill('a')}`,
  ]
  for (const [index, text] of files.entries()) {
    const beganAt = performance.now()
    for (const code of [text, plainCode(text)]) {
      publicNames(code)
      stringsOf(code)
      candidatesOf(code, 'x')
    }
    assert.ok(performance.now() - beganAt < 30_000, `file ${index}: ${performance.now() - beganAt} ms`)
  }
})
