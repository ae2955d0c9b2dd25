import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { GrantSchema, covers, formatGrant, overlaps, parseGrant, rights } from '../../index.ts'

const pattern = fc.constantFrom('*', 'model/*', 'model/o*', 'model/ocr', 'event/model.*', 'system/health')

test('a grant’s short form reads back', () => {
  fc.assert(
    fc.property(pattern, fc.uniqueArray(fc.constantFrom(...rights), { minLength: 1 }), (resource, chosen) => {
      const grant = { resource, rights: chosen }
      const back = parseGrant(formatGrant(grant))
      assert.equal(back.resource, resource)
      assert.deepEqual(new Set(back.rights), new Set(chosen))
    }),
  )
  assert.deepEqual(parseGrant('model/*:*').rights, [...rights])
})

test('grants that are not ones are refused with an example', () => {
  for (const text of [
    '',
    'model/*',
    'model/*:',
    ':invoke',
    'model/*:fly',
    'model:invoke',
    'model/a*b:invoke',
    'mo del/x:invoke',
    'model/x:invoke,',
  ]) {
    assert.throws(() => parseGrant(text), { code: 'call/invalid-input', message: /such as model\/\*:invoke/ })
  }
})

test('covering is reflexive and transitive, and overlap is symmetric', () => {
  fc.assert(
    fc.property(pattern, pattern, pattern, (a, b, c) => {
      assert.ok(covers(a, a))
      if (covers(a, b) && covers(b, c)) assert.ok(covers(a, c))
      assert.equal(overlaps(a, b), overlaps(b, a))
    }),
  )
})

test('a grant has no unknown parts and sensible defaults', () => {
  assert.deepEqual(GrantSchema.parse({ resource: 'model/*', rights: ['list'] }), {
    resource: 'model/*',
    rights: ['list'],
    constraints: {},
    expiresAt: null,
    quota: null,
  })
  assert.equal(GrantSchema.safeParse({ resource: 'model/*', rights: [] }).success, false)
  assert.equal(GrantSchema.safeParse({ resource: 'model/*', rights: ['list'], surprise: 1 }).success, false)
  const expiring = (expiresAt: number) => GrantSchema.safeParse({ resource: 'model/*', rights: ['list'], expiresAt })
  const last = 8_640_000_000_000_000
  assert.ok(expiring(last).success && !Number.isNaN(new Date(last).getTime()))
  assert.equal(expiring(last + 1).success, false)
})
