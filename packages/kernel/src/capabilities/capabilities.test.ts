import assert from 'node:assert/strict'
import type { DatabaseSync } from 'node:sqlite'
import test from 'node:test'
import { ANONYMOUS, type CapabilityId } from '@soma/core'
import type { Caller } from '@soma/spec'
import { CAPABILITIES_MAX } from '../limits.ts'
import { TestKernel } from '../test-kernel.ts'

const anonymous: Caller = { principal: ANONYMOUS, face: 'http' }
const everyEcho = { resource: 'system/echo', rights: ['invoke' as const] }

async function issue(
  kernel: TestKernel,
  grants: Parameters<typeof grantAll>[1],
): Promise<{ caller: Caller; token: string; ids: string[] }> {
  return grantAll(kernel, grants)
}

async function grantAll(
  kernel: TestKernel,
  grants: Array<{
    resource: string
    rights: Array<'invoke' | 'list' | 'read' | 'manage'>
    expiresAt?: number
    quota?: { calls: number; windowMs?: number }
    constraints?: { faces?: Array<'http' | 'ipc'>; inputBytesMax?: number; priorityMax?: 'interactive' | 'batch' }
  }>,
) {
  const { token, capabilities } = await kernel.calls.call('capability.issue', { grants, label: 'test' })
  const caller: Caller = { principal: kernel.kernel.authenticate(token), face: 'http' }
  return { caller, token, ids: capabilities.map(({ id }) => id) }
}

test('a new installation lets the owner do everything and anonymous callers ask for health, nothing else', async () => {
  await using kernel = await TestKernel.create()
  const { capabilities } = await kernel.calls.call('capability.list', {})
  assert.deepEqual(
    capabilities.map(({ holder, resource }) => `${holder} ${resource}`),
    ['owner *', 'anonymous system/health'],
  )
  assert.equal((await kernel.as(anonymous).call('system.health', {})).status, 'ok')
  await assert.rejects(kernel.as(anonymous).call('system.echo', {}), { code: 'capability/denied' })
  await assert.rejects(kernel.as(anonymous).call('capability.list', {}), { code: 'capability/denied' })
})

test('a token may do what its capabilities say and nothing else', async () => {
  await using kernel = await TestKernel.create()
  const { caller } = await issue(kernel, [everyEcho])
  assert.deepEqual(await kernel.as(caller).call('system.echo', { payload: 1 }), { payload: 1, tensors: [] })
  await assert.rejects(kernel.as(caller).call('system.health', {}), {
    code: 'capability/denied',
    details: { principal: caller.principal, resource: 'system/health', right: 'read', reason: 'none' },
  })
})

test('another right on the same resource allows nothing', async () => {
  await using kernel = await TestKernel.create()
  const { caller } = await issue(kernel, [{ resource: 'system/*', rights: ['read', 'list', 'manage'] }])
  await kernel.as(caller).call('system.health', {})
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/denied' })
})

test('a capability for part of what a call names does not allow the call', async () => {
  await using kernel = await TestKernel.create({
    'model.verify': async function* () {
      yield* []
      return { ok: true, models: [] }
    },
  })
  const { caller } = await issue(kernel, [{ resource: 'model/ocr', rights: ['read'] }])
  const verify = async (model?: string) => await Array.fromAsync(kernel.as(caller).stream('model.verify', { model }))
  await verify('ocr')
  await assert.rejects(verify('ocr2'), { code: 'capability/denied' })
  await assert.rejects(verify(), { code: 'capability/denied' }, 'all models are more than this one')
})

test('a call that needs two things needs a capability for each', async () => {
  await using kernel = await TestKernel.create({
    'model.infer': () => ({ outputs: [], timings: { queueMs: 0, loadMs: 0, runMs: 0 } }),
  })
  const one = await issue(kernel, [{ resource: 'model/ocr', rights: ['invoke'] }])
  const both = await issue(kernel, [
    { resource: 'model/ocr', rights: ['invoke'] },
    { resource: 'host/files', rights: ['read'] },
  ])
  const byPath = { model: 'ocr', inputs: [{ name: 'path', dtype: 'string', shape: [1], values: ['/etc/passwd'] }] } as const
  await kernel.as(one.caller).call('model.infer', { model: 'ocr', inputs: [] })
  await assert.rejects(kernel.as(one.caller).call('model.infer', byPath), {
    code: 'capability/denied',
    details: { principal: one.caller.principal, resource: 'host/files', right: 'read', reason: 'none' },
  })
  await kernel.as(both.caller).call('model.infer', byPath)
})

test('nothing is derived from a capability that has expired', async () => {
  await using kernel = await TestKernel.create()
  const expiresAt = kernel.clock.now() + 1000
  const { caller, ids } = await issue(kernel, [
    { ...everyEcho, expiresAt },
    { resource: 'capability/*', rights: ['manage'] },
  ])
  const derive = () =>
    kernel.as(caller).call('capability.derive', { parent: ids[0], holder: 'anonymous', grant: { ...everyEcho, expiresAt }, label: '' })
  await derive()
  kernel.clock.skip(1000)
  await assert.rejects(derive(), { code: 'capability/exceeds-parent', details: { parent: ids[0], reason: 'the parent has expired' } })
})

test('a wrong secret, an unknown id and garbage get the same answer', async () => {
  await using kernel = await TestKernel.create()
  const { token } = await issue(kernel, [everyEcho])
  const wrong = [
    `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    token.replace(/_[0-9a-z]{16}_/, '_0000000000000000_'),
    '',
    'soma_',
    token.slice(5),
  ]
  for (const text of wrong) assert.throws(() => kernel.kernel.authenticate(text), { code: 'capability/unauthenticated' })
})

test('constraints hold: expiry, face, input bytes', async () => {
  await using kernel = await TestKernel.create()
  const soon = kernel.clock.now() + 1000
  const { caller } = await issue(kernel, [{ ...everyEcho, expiresAt: soon, constraints: { faces: ['http'], inputBytesMax: 8 } }])
  const tensor = (bytes: number) => ({ tensors: [{ name: 'x', dtype: 'uint8' as const, data: new Uint8Array(bytes) }] })
  await kernel.as(caller).call('system.echo', tensor(8))
  await assert.rejects(kernel.as(caller).call('system.echo', tensor(9)), { code: 'capability/denied' })
  await assert.rejects(kernel.as({ ...caller, face: 'ipc' }).call('system.echo', {}), { code: 'capability/denied' })
  kernel.clock.skip(1000)
  await assert.rejects(kernel.as(caller).call('system.echo', {}), {
    code: 'capability/denied',
    details: { principal: caller.principal, resource: 'system/echo', right: 'invoke', reason: 'expired' },
  })
})

test('a derived capability cannot exceed its parent, whoever asks', async () => {
  await using kernel = await TestKernel.create()
  const { caller, ids } = await issue(kernel, [
    { ...everyEcho, quota: { calls: 5 } },
    { resource: 'capability/*', rights: ['manage', 'list'] },
  ])
  const derive = (grant: object) =>
    kernel
      .as(caller)
      .call('capability.derive', { parent: ids[0], holder: 'anonymous', grant: { ...everyEcho, quota: { calls: 5 }, ...grant } })
  await assert.rejects(derive({ resource: '*' }), { code: 'capability/exceeds-parent' })
  await assert.rejects(derive({ rights: ['invoke', 'manage'] }), { code: 'capability/exceeds-parent' })
  await assert.rejects(derive({ quota: { calls: 6 } }), { code: 'capability/exceeds-parent' })
  await assert.rejects(derive({ quota: null }), { code: 'capability/exceeds-parent' })
  const { capability } = await derive({ quota: { calls: 2 } })
  assert.equal(capability.parent, ids[0])
  assert.deepEqual(await kernel.as(anonymous).call('system.echo', {}), { payload: null, tensors: [] })
})

test('nobody derives from, sees or revokes a capability that is not theirs', async () => {
  await using kernel = await TestKernel.create()
  const { ids } = await issue(kernel, [everyEcho])
  const { caller } = await issue(kernel, [{ resource: 'capability/*', rights: ['manage', 'list'] }])
  await assert.rejects(kernel.as(caller).call('capability.derive', { parent: ids[0], holder: 'anonymous', grant: everyEcho }), {
    code: 'capability/not-found',
  })
  await assert.rejects(kernel.as(caller).call('capability.revoke', { capability: ids[0] as never }), { code: 'capability/not-found' })
  assert.equal((await kernel.as(caller).call('capability.list', {})).capabilities.length, 1)
})

test('revoking ends the whole tree at once, and still after a restart', async () => {
  await using kernel = await TestKernel.create()
  const { caller, token, ids } = await issue(kernel, [everyEcho])
  const { capability } = await kernel.calls.call('capability.derive', {
    parent: undefined,
    holder: caller.principal,
    grant: everyEcho,
  })
  const tree = await kernel.calls.call('capability.revoke', { capability: ids[0] as never })
  assert.deepEqual(tree.revoked, ids)
  await kernel.as(caller).call('system.echo', {})
  await kernel.calls.call('capability.revoke', { capability: capability.id })
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/denied' })
  assert.throws(() => kernel.kernel.authenticate(token), { code: 'capability/unauthenticated' })
  await kernel.restart()
  assert.throws(() => kernel.kernel.authenticate(token), { code: 'capability/unauthenticated' })
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/denied' })
})

test('a grandchild goes with its grandparent', async () => {
  await using kernel = await TestKernel.create()
  const first = await issue(kernel, [everyEcho, { resource: 'capability/*', rights: ['manage'] }])
  const { capability: child } = await kernel
    .as(first.caller)
    .call('capability.derive', { parent: first.ids[0], holder: 'anonymous', grant: everyEcho })
  const { revoked } = await kernel.calls.call('capability.revoke', { capability: first.ids[0] as never })
  assert.deepEqual(revoked, [first.ids[0], child.id])
  await assert.rejects(kernel.as(anonymous).call('system.echo', {}), { code: 'capability/denied' })
})

test('a full table can be revoked by one call', async () => {
  await using kernel = await TestKernel.create()
  const { ids, caller } = await issue(kernel, [{ ...everyEcho, quota: { calls: 1 } }])
  const parent = ids[0] as CapabilityId
  const id = (kind: string, index: number): string => `${kind}_${index.toString(36).padStart(16, '0')}`
  const count = CAPABILITIES_MAX - 3
  for (let begin = 0; begin < count; begin += 5000)
    kernel.store.commit({
      writes: Array.from({ length: Math.min(5000, count - begin) }, (_, index) => begin + index).flatMap((index) => {
        const holder = `token:${id('tok', index)}`
        const grant = { ...everyEcho, constraints: {}, expiresAt: null, quota: { calls: 1 } }
        const record = { ...grant, id: id('cap', index), parent, holder, label: '', createdAt: 0 }
        const token = { id: id('tok', index), secretHash: '', label: '', createdAt: 0 }
        return [
          { action: 'put', kind: 'capability', key: record.id, value: record },
          { action: 'put', kind: 'token', key: token.id, value: token },
          { action: 'put', kind: 'quota', key: record.id, value: { used: 1, windowStart: 0 } },
        ] as const
      }),
    })
  await kernel.restart()
  const grant = { ...everyEcho, quota: { calls: 1 } }
  await assert.rejects(kernel.calls.call('capability.derive', { holder: caller.principal, grant, label: '' }), {
    code: 'resource/exhausted',
  })
  const { revoked } = await kernel.calls.call('capability.revoke', { capability: parent })
  assert.equal(revoked.length, count + 1)
  assert.deepEqual(
    ['capability', 'token', 'quota'].map((kind) => kernel.store.records.count(kind)),
    [2, 0, 0],
  )
  assert.deepEqual((await kernel.calls.call('audit.verify', {})).problems, [])
})

test('a damaged tree loses the branches that hang on nothing, and the rest goes on working', async () => {
  await using kernel = await TestKernel.create()
  const { caller } = await issue(kernel, [everyEcho])
  const [a, b, c] = ['cap_000000000000000a', 'cap_000000000000000b', 'cap_000000000000000c']
  const record = { ...everyEcho, holder: 'anonymous', constraints: {}, expiresAt: null, quota: null, label: '', createdAt: 0 }
  kernel.store.commit({
    writes: [
      { action: 'put', kind: 'capability', key: a, value: { ...record, id: a, parent: b } },
      { action: 'put', kind: 'capability', key: b, value: { ...record, id: b, parent: a } },
      { action: 'put', kind: 'capability', key: c, value: { ...record, id: c, parent: 'cap_zzzzzzzzzzzzzzzz' } },
    ],
  })
  await kernel.restart()
  await assert.rejects(kernel.as(anonymous).call('system.echo', {}), { code: 'capability/denied' })
  await kernel.as(caller).call('system.echo', {})
})

const damage = (kind: string, key: string) => (database: DatabaseSync) =>
  void database.prepare("UPDATE records SET value = replace(value, '\"', 'x') WHERE kind = ? AND key = ?").run(kind, key)

test('a damaged capability, token or count is left out, and named by audit.verify', async () => {
  await using kernel = await TestKernel.create()
  const [first, second, third] = [
    await issue(kernel, [everyEcho]),
    await issue(kernel, [everyEcho]),
    await issue(kernel, [{ ...everyEcho, quota: { calls: 5, windowMs: 1000 } }]),
  ]
  await kernel.as(third.caller).call('system.echo', {})
  await kernel.clock.advance(50)
  await kernel.restart({ tamper: damage('capability', first.ids[0] ?? '') })
  await kernel.restart({ tamper: damage('token', second.caller.principal.slice('token:'.length)) })
  await kernel.restart({ tamper: damage('quota', third.ids[0] ?? '') })
  assert.equal(kernel.kernel.authenticate(first.token), first.caller.principal)
  await assert.rejects(kernel.as(first.caller).call('system.echo', {}), { code: 'capability/denied' })
  assert.throws(() => kernel.kernel.authenticate(second.token), { code: 'capability/unauthenticated' })
  await assert.rejects(kernel.as(third.caller).call('system.echo', {}), { code: 'capability/quota-exhausted', retryable: true })
  kernel.clock.skip(1000)
  await kernel.as(third.caller).call('system.echo', {})
  const { problems } = await kernel.calls.call('audit.verify', {})
  assert.deepEqual(
    problems.map(({ where }) => where.split('/')[0]),
    ['record capability', 'record token'],
    'the count is written anew by then',
  )
})

test('a damaged root is made anew, and what was derived from it is gone', async () => {
  await using kernel = await TestKernel.create()
  const { caller, token } = await issue(kernel, [everyEcho])
  const { capabilities } = await kernel.calls.call('capability.list', { holder: 'owner' })
  await kernel.restart({ tamper: damage('capability', capabilities[0]?.id ?? '') })
  await kernel.calls.call('system.echo', {})
  assert.equal((await kernel.as(anonymous).call('system.health', {})).status, 'ok')
  assert.equal(kernel.kernel.authenticate(token), caller.principal)
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/denied' })
  const { entries } = await kernel.calls.call('audit.list', {})
  assert.ok(entries.some(({ name, effects }) => name === 'system.refounded' && effects.length === 2))
  const before = await kernel.calls.call('capability.list', {})
  await kernel.restart()
  assert.deepEqual(await kernel.calls.call('capability.list', {}), before)
})

test('revoking ends streams that run on the capability', async () => {
  await using kernel = await TestKernel.create()
  const { caller, ids } = await issue(kernel, [{ resource: 'event/*', rights: ['list'] }])
  const stream = kernel.as(caller).stream('event.subscribe', {})
  const next = assert.rejects(stream[Symbol.asyncIterator]().next(), { code: 'capability/denied' })
  await new Promise((resolve) => setImmediate(resolve))
  await kernel.calls.call('capability.revoke', { capability: ids[0] as never })
  await next
})

test('the owner’s root cannot be revoked', async () => {
  await using kernel = await TestKernel.create()
  const { capabilities } = await kernel.calls.call('capability.list', { holder: 'owner' })
  await assert.rejects(kernel.calls.call('capability.revoke', { capability: capabilities[0]?.id as never }), { code: 'call/invalid-input' })
})

test('a quota is charged along the chain, refused when used up, and remembered over a restart', async () => {
  await using kernel = await TestKernel.create()
  const { caller } = await issue(kernel, [{ ...everyEcho, quota: { calls: 2 } }])
  await kernel.as(caller).call('system.echo', {})
  await kernel.as(caller).call('system.echo', {})
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/quota-exhausted', retryable: false })
  await kernel.clock.advance(50)
  await kernel.restart()
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/quota-exhausted' })
  const { capabilities } = await kernel.calls.call('capability.list', { holder: caller.principal })
  assert.deepEqual(
    capabilities.map(({ quotaLeft }) => quotaLeft),
    [0],
  )
})

test('another capability with calls left is used before one is refused', async () => {
  await using kernel = await TestKernel.create()
  const { caller } = await issue(kernel, [
    { ...everyEcho, quota: { calls: 1 } },
    { ...everyEcho, quota: { calls: 1 } },
  ])
  await kernel.as(caller).call('system.echo', {})
  await kernel.as(caller).call('system.echo', {})
  await assert.rejects(kernel.as(caller).call('system.echo', {}), { code: 'capability/quota-exhausted' })
})

test('tables survive a restart as they were', async () => {
  await using kernel = await TestKernel.create()
  await issue(kernel, [everyEcho, { resource: 'model/*', rights: ['list'], quota: { calls: 3, windowMs: 100 } }])
  const before = await kernel.calls.call('capability.list', {})
  await kernel.restart()
  const after = await kernel.calls.call('capability.list', {})
  const byId = (a: { id: string }, b: { id: string }): number => a.id.localeCompare(b.id)
  assert.deepEqual(after.capabilities.toSorted(byId), before.capabilities.toSorted(byId))
})

test('a handler is told the most urgent that its caller’s capabilities let it be, those with calls left', async () => {
  await using kernel = await TestKernel.create({ 'system.echo': (input, { priorityMax }) => ({ ...input, payload: priorityMax ?? 'any' }) })
  const told = async (caller: Caller): Promise<unknown> => (await kernel.as(caller).call('system.echo', {})).payload
  const limited = (priorityMax: 'interactive' | 'batch', calls?: number) => ({
    ...everyEcho,
    constraints: { priorityMax },
    ...(calls !== undefined && { quota: { calls } }),
  })
  assert.equal(await told((await issue(kernel, [everyEcho])).caller), 'any')
  const { caller } = await issue(kernel, [limited('batch'), limited('interactive', 1)])
  await kernel.restart()
  assert.deepEqual([await told(caller), await told(caller)], ['interactive', 'batch'])
  const first = kernel.kernel.authenticate((await kernel.calls.call('capability.issue', { grants: [limited('batch'), everyEcho] })).token)
  assert.equal(await told({ principal: first, face: 'http' }), 'any')
})

test('a ceiling can only be lowered by whoever derives', async () => {
  await using kernel = await TestKernel.create()
  const { caller } = await issue(kernel, [
    { ...everyEcho, constraints: { priorityMax: 'interactive' } },
    { resource: 'capability/*', rights: ['manage'] },
  ])
  const derive = async (constraints: { priorityMax?: 'realtime' | 'interactive' | 'batch' }) =>
    await kernel.as(caller).call('capability.derive', { holder: ANONYMOUS, grant: { ...everyEcho, constraints } })
  await derive({ priorityMax: 'interactive' })
  await derive({ priorityMax: 'batch' })
  for (const constraints of [{}, { priorityMax: 'realtime' as const }])
    await assert.rejects(derive(constraints), { code: 'capability/exceeds-parent', message: /limited to the priority interactive/ })
})
