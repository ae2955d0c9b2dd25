import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { ANONYMOUS } from '@soma/core'
import { packFrame } from '@soma/spec'
import { LEARNED_KIND } from '@soma/store'
import { settle } from '@soma/testkit/clock'
import { attachmentsDigest } from '../dispatch/digest.ts'
import { TestKernel, owner } from '../test-kernel.ts'

const tensorInput = { payload: 'a secret', tensors: [{ name: 't', dtype: 'uint8' as const, shape: [3], data: new Uint8Array([1, 2, 3]) }] }
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

test('a short call leaves one entry with digests of input, attachments and output, never contents', async () => {
  await using kernel = await TestKernel.create()
  await kernel.calls.call('system.echo', tensorInput)
  const { entries } = await kernel.calls.call('audit.list', {})
  const [call, ...others] = entries.filter(({ name }) => name === 'system.echo')
  assert.deepEqual(others, [])
  assert.deepEqual([call?.kind, call?.principal, call?.status], ['call', 'owner', 'ok'])
  const digest = sha256(packFrame(tensorInput).header)
  assert.deepEqual([call?.input, call?.output], [digest, digest])
  assert.match(call?.attachments ?? '', /^[0-9a-f]{64}$/)
  assert.doesNotMatch(JSON.stringify(entries), /a secret/)
})

test('a call that outlasts its group leaves a begin and an end', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using kernel = await TestKernel.create({ 'system.doctor': async () => (await promise, { checks: [] }) })
  const call = kernel.calls.call('system.doctor', {})
  await kernel.clock.advance(50)
  resolve()
  await call
  const { entries } = await kernel.calls.call('audit.list', {})
  const [begin, end] = entries.filter(({ name }) => name === 'system.doctor')
  assert.deepEqual([begin?.kind, begin?.status, begin?.input], ['begin', null, sha256(packFrame({}).header)])
  assert.deepEqual([end?.kind, end?.status, end?.input, end?.output], ['end', 'ok', null, sha256(packFrame({ checks: [] }).header)])
  assert.equal(begin?.call, end?.call)
})

test('large attachments get the same digest as small ones would', async () => {
  const bytes = new Uint8Array(200_000).fill(7)
  const frame = packFrame({ a: bytes, b: new Uint8Array([1]) })
  const lines = frame.body.map((part) => createHash('sha256').update(part).digest('hex')).join('\n')
  assert.equal(await attachmentsDigest(frame), createHash('sha256').update(lines).digest('hex'))
  assert.equal(attachmentsDigest(packFrame({ a: 1 })), null)
})

test('a refusal is noted too, with the code and without a capability', async () => {
  await using kernel = await TestKernel.create()
  await assert.rejects(kernel.as({ principal: ANONYMOUS, face: 'http' }).call('system.echo', {}))
  const { entries } = await kernel.calls.call('audit.list', {})
  const refused = entries.find(({ status }) => status === 'capability/denied')
  assert.deepEqual([refused?.principal, refused?.name, refused?.capability, refused?.kind], ['anonymous', 'system.echo', null, 'end'])
})

test('entries of calls that change nothing are committed within 50 ms, in order', async () => {
  await using kernel = await TestKernel.create()
  const before = kernel.store.log.head.seq
  await kernel.calls.call('system.echo', {})
  await kernel.calls.call('system.echo', {})
  assert.equal(kernel.store.log.head.seq, before)
  await kernel.clock.advance(50)
  assert.equal(kernel.store.log.head.seq, before + 2)
})

test('what is committed without a sync is synced within a second, and a call that changes something does not wait', async () => {
  await using kernel = await TestKernel.create()
  const witness = (): number => Number(readFileSync(join(kernel.directory, 'log', 'head'), 'utf8').split(' ')[0])
  const founded = witness()
  await kernel.calls.call('system.echo', {})
  await kernel.clock.advance(50)
  assert.equal(kernel.store.log.head.seq, founded + 1)
  assert.equal(witness(), founded)
  await kernel.clock.advance(1000)
  assert.equal(witness(), founded + 1)
  await kernel.calls.call('capability.issue', { grants: [{ resource: 'model/*', rights: ['list'] }] })
  assert.equal(witness(), founded + 2)
  await kernel.calls.call('system.echo', {})
  kernel.kernel.stop()
  assert.equal(witness(), kernel.store.log.head.seq)
  assert.equal(kernel.clock.pending, 0)
})

test('a long call’s begin entry is durable while it runs', async () => {
  await using kernel = await TestKernel.create({ 'system.doctor': () => new Promise(() => undefined) })
  void kernel.calls.call('system.doctor', {})
  await kernel.clock.advance(50)
  await kernel.restart()
  assert.match(kernel.store.log.last(1)[0]?.body ?? '', /system\.doctor.*"kind":"begin"/)
})

test('audit.list finds a call by its id, goes on after a position, and refuses nonsense', async () => {
  await using kernel = await TestKernel.create()
  const { callId } = await kernel.kernel.dispatch(owner, 'system.echo', {})
  for (let index = 0; index < 600; index++) await kernel.kernel.dispatch(owner, 'system.health', {})
  const { entries } = await kernel.calls.call('audit.list', { call: callId })
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['call'],
  )
  const page = await kernel.calls.call('audit.list', { afterSeq: 0, limit: 3 })
  assert.deepEqual(
    page.entries.map(({ seq }) => seq),
    [1, 2, 3],
  )
  assert.equal(page.nextSeq, 3)
})

test('audit.tail gives the last entries and then new ones, none twice, none missing', async () => {
  await using kernel = await TestKernel.create()
  await kernel.calls.call('system.echo', {})
  const stop = new AbortController()
  const seqs: number[] = []
  const reading = (async () => {
    for await (const { seq } of kernel.calls.stream('audit.tail', { last: 3 }, { signal: stop.signal })) seqs.push(seq)
  })()
  await settle()
  for (let index = 0; index < 20; index++) {
    await kernel.calls.call('system.echo', {})
    await kernel.clock.advance(50)
  }
  await settle()
  stop.abort()
  await reading.catch(() => undefined)
  assert.ok(seqs.length >= 20)
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => (seqs[0] ?? 0) + index),
  )
})

test('a sound log verifies; a changed record, a lost one and an unknown one are named', async () => {
  await using kernel = await TestKernel.create()
  await kernel.calls.call('capability.issue', { grants: [{ resource: 'model/*', rights: ['list'] }], label: '' })
  const sound = await kernel.calls.call('audit.verify', {})
  assert.deepEqual([sound.ok, sound.problems], [true, []])
  assert.ok(sound.records >= 4 && sound.entries >= 3)

  const [record] = kernel.store.records.list('token')
  kernel.store.commit({
    writes: [
      { action: 'put', kind: 'token', key: record?.key ?? '', value: { forged: true } },
      { action: 'put', kind: 'ghost', key: 'x', value: 1 },
    ],
  })
  const [capability] = kernel.store.records
    .list('capability')
    .filter(({ value }) => (value as { holder: string }).holder.startsWith('token:'))
  kernel.store.commit({ writes: [{ action: 'delete', kind: 'capability', key: capability?.key ?? '' }] })
  const { ok, problems } = await kernel.calls.call('audit.verify', {})
  assert.equal(ok, false)
  assert.deepEqual(
    new Set(problems.map(({ where }) => where)),
    new Set([`record token/${record?.key}`, 'record ghost/x', `record capability/${capability?.key}`]),
  )
})

test('a record that comes back after its deletion is named', async () => {
  await using kernel = await TestKernel.create()
  const { capabilities } = await kernel.calls.call('capability.issue', { grants: [{ resource: 'model/*', rights: ['list'] }], label: '' })
  const key = capabilities[0]?.id as never
  const value = kernel.store.records.get('capability', key)?.value
  await kernel.calls.call('capability.revoke', { capability: key })
  assert.deepEqual((await kernel.calls.call('audit.verify', {})).problems, [])
  kernel.store.commit({ writes: [{ action: 'put', kind: 'capability', key, value }] })
  const { problems } = await kernel.calls.call('audit.verify', {})
  assert.deepEqual(problems, [{ where: `record capability/${String(key)}`, what: 'the log says it was deleted, and it is there' }])
})

test('a record that is no authority may change outside calls, and come back after a call deleted it', async () => {
  await using kernel = await TestKernel.create({
    'model.alias': ({ alias }, { effects }) => {
      effects.delete(LEARNED_KIND, alias)
      return { alias, model: null, before: 'ocr' }
    },
  })
  const keep = (): unknown => kernel.store.commit({ writes: [{ action: 'put', kind: LEARNED_KIND, key: 'ocr', value: 1 }], sync: false })
  keep()
  assert.deepEqual((await kernel.calls.call('audit.verify', {})).problems, [])
  await kernel.calls.call('model.alias', { alias: 'ocr', model: null })
  assert.equal(kernel.store.records.get(LEARNED_KIND, 'ocr'), undefined)
  keep()
  assert.deepEqual((await kernel.calls.call('audit.verify', {})).problems, [])
})

test('what is written while a verification goes on is not taken for a forgery', async () => {
  await using kernel = await TestKernel.create()
  for (let index = 0; index < 3000; index++) await kernel.kernel.dispatch(owner, 'system.health', {})
  const verifying = kernel.calls.call('audit.verify', {})
  const { capabilities } = await kernel.calls.call('capability.issue', { grants: [{ resource: 'model/*', rights: ['list'] }] })
  await settle()
  await kernel.calls.call('capability.revoke', { capability: capabilities[0]?.id as never })
  await kernel.calls.call('capability.issue', { grants: [{ resource: 'model/*', rights: ['list'] }] })
  assert.deepEqual((await verifying).problems, [])
})

test('a verification and a search end when nobody waits for them any more', async () => {
  await using kernel = await TestKernel.create()
  for (let index = 0; index < 3000; index++) await kernel.kernel.dispatch(owner, 'system.health', {})
  for (const [name, input] of [
    ['audit.verify', {}],
    ['audit.list', { call: 'call_0000000000000000' as never }],
  ] as const) {
    const abort = new AbortController()
    const call = kernel.calls.call(name, input, { signal: abort.signal })
    abort.abort()
    await assert.rejects(call, { code: 'call/cancelled' }, name)
  }
})

test('a checkpoint signs the head with both algorithms', async () => {
  await using kernel = await TestKernel.create()
  const { checkpoint } = await kernel.calls.call('audit.checkpoint', {})
  assert.ok(checkpoint.seq > 0 && checkpoint.ed25519.length > 80 && checkpoint.mlDsa65.length > 4000)
  assert.equal((await kernel.calls.call('audit.verify', {})).checkpoints >= 1, true)
})

test('an entry that cannot be read is named, and verify goes on', async () => {
  await using kernel = await TestKernel.create()
  kernel.store.commit({ entries: ['not an entry'] })
  await assert.rejects(kernel.calls.call('audit.list', {}), { code: 'audit/corrupt' })
  const { problems } = await kernel.calls.call('audit.verify', {})
  assert.match(problems[0]?.what ?? '', /not an audit entry/)
})
