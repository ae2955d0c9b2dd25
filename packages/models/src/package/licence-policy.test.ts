import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { checkLicence, isRefused } from './licence-policy.ts'

const refused = (licence: string | null, ...patterns: string[]): boolean => {
  try {
    checkLicence(licence, patterns, 'm')
    return false
  } catch (error) {
    assert.ok(isSomaError(error, 'package/licence-refused'), String(error))
    return true
  }
}

describe('the licence policy', () => {
  it('refuses identifiers and patterns, whatever their case', () => {
    for (const [licence, pattern, expected] of [
      ['CC-BY-NC-4.0', '*-NC-*', true],
      ['cc-by-nc-sa-4.0', 'CC-BY-NC*', true],
      ['CC-BY-4.0', '*-NC-*', false],
      ['MIT', 'mit', true],
      ['MIT-0', 'MIT', false],
      ['llama3.1', 'llama*', true],
      ['My own licence', '*own*', true],
      ['anything', '*', true],
    ] as const)
      assert.equal(refused(licence, pattern), expected, `${licence} ${pattern}`)
    assert.equal(refused('MIT'), false)
  })

  it('takes one of several alternatives, and of licences that hold together only all', () => {
    for (const [licence, expected] of [
      ['GPL-3.0-only OR MIT', false],
      ['GPL-3.0-only or AGPL-3.0-only', true],
      ['MIT AND GPL-3.0-only', true],
      ['MIT AND Apache-2.0', false],
      ['(GPL-3.0-only OR MIT) AND Apache-2.0', false],
      ['(GPL-3.0-only OR MIT) AND AGPL-3.0-only', true],
      ['MIT OR GPL-3.0-only AND AGPL-3.0-only', false],
      ['GPL-2.0-only WITH Classpath-exception-2.0', true],
      ['((((GPL-3.0-only))))', true],
      ['GPL-3.0-only OR', false],
      ['GPL-3.0-only)', true],
    ] as const)
      assert.equal(refused(licence, '*GPL-*'), expected, licence)
  })

  it('takes models without a licence, unless they are refused by that', () => {
    assert.equal(refused(null, 'MIT'), false)
    assert.equal(refused(null, 'NOASSERTION'), true)
  })

  it('refuses what refuses everything, and takes what refuses nothing, for every expression', () => {
    const expression = fc.letrec<{ any: string; id: string; pair: string }>((tie) => ({
      any: fc.oneof({ depthSize: 'small' }, tie('id'), tie('pair')),
      id: fc.constantFrom('MIT', 'GPL-3.0-only', 'X WITH Y'),
      pair: fc.tuple(tie('any'), fc.constantFrom(' OR ', ' AND '), tie('any')).map(([a, word, b]) => `(${a}${word}${b})`),
    })).any
    fc.assert(fc.property(expression, (text) => isRefused(text, () => true) && !isRefused(text, () => false)))
    fc.assert(fc.property(fc.string(), (text) => typeof isRefused(text, (id) => id.includes('a')) === 'boolean'))
  })
})
