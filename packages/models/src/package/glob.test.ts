import assert from 'node:assert/strict'
import { matchesGlob } from 'node:path'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { compileGlob } from './glob.ts'

describe('glob', () => {
  it('matches within a name with *, across folders with **, without regard to case', () => {
    const cases: ReadonlyArray<readonly [string, string, boolean]> = [
      ['**/*.onnx', 'model.onnx', true],
      ['**/*.onnx', 'a/b/Model.ONNX', true],
      ['*.onnx', 'a/model.onnx', false],
      ['**/*_det_*.onnx', 'm/ch_PP_det_v4.onnx', true],
      ['**', 'a/b/c', true],
      ['a/**/c', 'a/c', true],
      ['a/**/c', 'a/b/b/c', true],
      ['a/?.txt', 'a/b.txt', true],
      ['a/?.txt', 'a/bc.txt', false],
      ['*.{json,txt}', 'a.txt', true],
      ['*.{json,txt}', 'a.md', false],
      ['{a,b}/*.{x,y}', 'b/1.y', true],
      ['model.onnx', 'model.onnx', true],
      ['model', 'model.onnx', false],
      ['', 'a', false],
    ]
    for (const [glob, path, expected] of cases) assert.equal(compileGlob(glob)(path), expected, `${glob} on ${path}`)
  })

  it('agrees with Node on what both understand', () => {
    const part = fc.stringMatching(/^[ab*?]{1,4}$/).filter((text) => !text.includes('**'))
    const pattern = fc.array(fc.oneof(part, fc.constant('**')), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    const path = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    fc.assert(
      fc.property(pattern, path, (glob, name) => {
        // Node lets a final ** stand for at least one name; here it may stand for none.
        if (glob.endsWith('**')) return
        assert.equal(compileGlob(glob)(name), matchesGlob(name, glob), `${glob} on ${name}`)
      }),
    )
  })

  it('takes no long for patterns that make regular expressions explode', () => {
    const matches = compileGlob(`${'**/*a*a*a*a*a*a*a*'.repeat(20)}b`)
    const startedAt = performance.now()
    for (let round = 0; round < 100; round++) assert.equal(matches('a'.repeat(200)), false)
    assert.ok(performance.now() - startedAt < 30_000)
  })

  it('refuses braces that are not closed, nested, or too many', () => {
    for (const glob of ['{a', '{a,{b,c}}', '{1,2,3,4,5}{1,2,3,4,5}{1,2,3,4,5}'])
      assert.throws(
        () => compileGlob(glob),
        (error) => isSomaError(error, 'call/invalid-input'),
      )
  })
})
