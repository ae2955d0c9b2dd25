import assert from 'node:assert/strict'
import test from 'node:test'
import type { PrincipalId } from '@soma/core'
import { type Caller, type Grant, type Priority, PrioritySchema, type Right, covers, faces, isMoreUrgent, rights } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import fc from 'fast-check'
import { excess } from './attenuate.ts'
import { CapabilityTable } from './capability-table.ts'
import { type CapabilityEntry, createEntry } from './entry.ts'
import { charge } from './quota.ts'

const resource = fc.constantFrom('*', 'model/*', 'model/o*', 'model/ocr', 'model/other', 'event/*', 'event/model.*', 'system/health')
const grants: fc.Arbitrary<Grant> = fc.record({
  resource,
  rights: fc.uniqueArray(fc.constantFrom(...rights), { minLength: 1 }),
  constraints: fc.record(
    {
      faces: fc.uniqueArray(fc.constantFrom(...faces), { minLength: 1 }),
      inputBytesMax: fc.constantFrom(0, 10, 1000),
      priorityMax: fc.constantFrom(...PrioritySchema.options),
    },
    { requiredKeys: [] },
  ),
  expiresAt: fc.option(fc.constantFrom(1000, 2000, 3000)),
  quota: fc.option(fc.record({ calls: fc.constantFrom(0, 1, 5, 50), windowMs: fc.constantFrom(10, 1000) }, { requiredKeys: ['calls'] })),
})

const demands = fc.record({
  resource: fc.constantFrom('model/ocr', 'model/other', 'event/model.installed', 'system/health', 'engine/onnx'),
  right: fc.constantFrom<Right>(...rights),
  face: fc.constantFrom(...faces),
  inputBytes: fc.constantFrom(0, 10, 500, 5000),
  now: fc.constantFrom(0, 1500, 2500, 9999),
})

function ceiling({ constraints: { priorityMax = 'realtime' } }: Grant): Priority {
  return priorityMax
}

function allows(grant: Grant, demand: { resource: string; right: Right; face: Caller['face']; inputBytes: number; now: number }): boolean {
  const table = new CapabilityTable()
  const holder = 'owner' as PrincipalId
  table.add(
    createEntry({
      id: 'cap_0000000000000000' as CapabilityEntry['id'],
      parent: null,
      holder,
      grant: { ...grant, quota: null },
      label: '',
      createdAt: 0,
    }),
  )
  const { resource, right, face, inputBytes, now } = demand
  return typeof table.find({ caller: { principal: holder, face }, need: { resource, right }, inputBytes }, now) === 'object'
}

test('over random chains, whatever a descendant allows all its ancestors allow', () => {
  fc.assert(
    fc.property(fc.array(grants, { minLength: 2, maxLength: 6 }), demands, (chain, demand) => {
      const accepted = chain
        .slice(1)
        .reduce<Grant[]>(
          (kept, grant) => (excess(kept.at(-1) as Grant, grant) === undefined ? [...kept, grant] : kept),
          [chain[0] as Grant],
        )
      const last = accepted.at(-1) as Grant
      if (allows(last, demand)) for (const ancestor of accepted) assert.ok(allows(ancestor, demand))
      for (const ancestor of accepted) assert.ok(!isMoreUrgent(ceiling(last), ceiling(ancestor)))
    }),
    { numRuns: 3000 },
  )
})

test('a grant is never in excess of itself, and excess names a reason in words', () => {
  fc.assert(fc.property(grants, (grant) => excess(grant, grant) === undefined))
  fc.assert(fc.property(grants, grants, (parent, child) => (excess(parent, child) ?? 'a reason').length > 5))
})

test('leaving a limit out is asking for more than a parent that has it', () => {
  const plain: Grant = { resource: 'model/*', rights: ['read'], constraints: {}, expiresAt: null, quota: null }
  const limits: ReadonlyArray<Partial<Grant>> = [
    { constraints: { faces: [...faces] } },
    { constraints: { faces: ['http'] } },
    { constraints: { inputBytesMax: 10 } },
    { constraints: { priorityMax: 'interactive' } },
    { expiresAt: 1000 },
    { quota: { calls: 5 } },
    { quota: { calls: 5, windowMs: 1000 } },
  ]
  for (const limit of limits) {
    assert.match(excess({ ...plain, ...limit }, plain) ?? '', /limited to|outlive/, JSON.stringify(limit))
    assert.equal(excess(plain, { ...plain, ...limit }), undefined)
  }
})

test('neither more calls nor the same number more often, however the windows are cut', () => {
  const grant = (quota: Grant['quota']): Grant => ({ resource: '*', rights: ['read'], constraints: {}, expiresAt: null, quota })
  const over = (parent: Grant['quota'], child: Grant['quota']): boolean => excess(grant(parent), grant(child)) !== undefined
  const parent = { calls: 10, windowMs: 1000 }
  assert.ok(over(parent, { calls: 10, windowMs: 999 }), 'a shorter window')
  assert.ok(over(parent, { calls: 1, windowMs: 99 }), 'fewer calls at a higher rate')
  assert.ok(over(parent, { calls: 11, windowMs: 2000 }), 'a lower rate, but more at once')
  assert.ok(over({ calls: 10 }, { calls: 1, windowMs: 1000 }), 'renewed, where the parent ends')
  assert.ok(!over(parent, { calls: 5, windowMs: 500 }) && !over(parent, { calls: 10, windowMs: 1000 }) && !over(parent, { calls: 10 }))
})

test('covers agrees with a plain reading of patterns', () => {
  assert.ok(covers('model/*', 'model/ocr') && covers('*', 'model/*') && covers('model/ocr', 'model/ocr'))
  assert.ok(
    !covers('model/ocr', 'model/*') && !covers('model/*', 'event/x') && !covers('model/*', '*') && !covers('model/ocr', 'model/ocr2'),
  )
})

test('a chain of quotas never lets more calls through than its smallest one', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20)), { minLength: 1, maxLength: 5 }), fc.nat(60), (limits, calls) => {
      const entry = limits.reduce<CapabilityEntry | null>(
        (parent, limit) =>
          createEntry({
            id: 'cap_0000000000000000' as CapabilityEntry['id'],
            parent,
            holder: 'owner' as PrincipalId,
            label: '',
            createdAt: 0,
            grant: { resource: '*', rights: ['read'], constraints: {}, expiresAt: null, quota: limit === null ? null : { calls: limit } },
          }),
        null,
      )
      let through = 0
      for (let call = 0; call < calls; call++) {
        try {
          charge([entry as CapabilityEntry], 1, 0)
          through++
        } catch {
          // Used up.
        }
      }
      assert.equal(through, Math.min(calls, ...limits.map((limit) => limit ?? Infinity)))
    }),
  )
})

test('a windowed quota refills when its window is over, and says when', () => {
  const clock = createTestClock(0)
  const entry = createEntry({
    id: 'cap_0000000000000000' as CapabilityEntry['id'],
    parent: null,
    holder: 'owner' as PrincipalId,
    label: '',
    createdAt: 0,
    grant: { resource: '*', rights: ['read'], constraints: {}, expiresAt: null, quota: { calls: 2, windowMs: 1000 } },
  })
  clock.skip(5000)
  charge([entry], 2, clock.now())
  assert.throws(() => charge([entry], 1, clock.now()), {
    code: 'capability/quota-exhausted',
    retryable: true,
    details: { capability: entry.id, calls: 1, retryAfterMs: 1000 },
  })
  clock.skip(1000)
  assert.equal(charge([entry], 1, clock.now()).size, 1)
})

const withQuota = (quota: Grant['quota'], parent: CapabilityEntry | null = null): CapabilityEntry =>
  createEntry({
    id: 'cap_0000000000000000' as CapabilityEntry['id'],
    parent,
    holder: 'owner' as PrincipalId,
    label: '',
    createdAt: 0,
    grant: { resource: '*', rights: ['read'], constraints: {}, expiresAt: null, quota },
  })

test('what two capabilities of one call have in common pays once, and all pay or none', () => {
  const parent = withQuota({ calls: 2 })
  const [rich, poor] = [withQuota({ calls: 9 }, parent), withQuota({ calls: 1 }, parent)]
  charge([rich, poor], 1, 0)
  assert.deepEqual([parent.usage.used, rich.usage.used, poor.usage.used], [1, 1, 1])
  assert.throws(() => charge([rich, poor], 1, 0), { code: 'capability/quota-exhausted' })
  assert.deepEqual([parent.usage.used, rich.usage.used, poor.usage.used], [1, 1, 1])
})

test('a clock that is set back neither refills a quota at once nor keeps it empty', () => {
  const entry = withQuota({ calls: 1, windowMs: 1000 })
  const now = Date.UTC(2026, 0, 1)
  charge([entry], 1, now)
  assert.throws(() => charge([entry], 1, now - 999), { code: 'capability/quota-exhausted' })
  charge([entry], 1, now - 30 * 24 * 3600 * 1000)
  assert.throws(() => charge([entry], 1, now - 30 * 24 * 3600 * 1000 + 999), { code: 'capability/quota-exhausted' })
})
