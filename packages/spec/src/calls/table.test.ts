import assert from 'node:assert/strict'
import test from 'node:test'
import { errorCodes } from '@soma/core'
import { z } from 'zod'
import {
  type CallName,
  type StreamingCallName,
  type UnaryCallName,
  callDefinition,
  callNames,
  callTable,
  checkPackagePath,
  isCallName,
  leastNeedsOf,
} from '../index.ts'

test('every call is called noun.verb, under its own name, with a sentence that ends', () => {
  for (const name of callNames) {
    const { name: own, summary } = callDefinition(name)
    assert.equal(own, name)
    assert.match(name, /^(system|model|key|source|engine|edition|capability|event|audit)\.[a-z]+(-[a-z]+)*$/)
    assert.match(summary, /^[A-Z].*\.$/)
  }
})

test('routes differ, and their path fields are fields of the input', () => {
  const routes = callNames.map((name) => callDefinition(name).http)
  assert.equal(new Set(routes).size, routes.length)
  for (const name of callNames) {
    const { http, input } = callDefinition(name)
    const fields = Object.keys((z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' }) as { properties?: object }).properties ?? {})
    for (const [, field = ''] of http.matchAll(/\{(\w+)\}/g)) assert.ok(fields.includes(field), `${http} of ${name}`)
  }
})

test('reading routes change nothing, and what changes something does not read', () => {
  for (const name of callNames) {
    const { http, mutates } = callDefinition(name)
    if (mutates) assert.doesNotMatch(http, /^GET /, name)
    if (/^(PATCH|DELETE) /.test(http)) assert.ok(mutates, name)
  }
})

test('codes are of the table, endless calls stream, and schemas become JSON Schema', () => {
  for (const name of callNames) {
    const { errors, endless, events, input, output } = callDefinition(name)
    for (const code of errors) assert.ok(code in errorCodes, `${code} of ${name}`)
    if (endless) assert.ok(events)
    for (const schema of [input, output, ...(events ? [events] : [])])
      assert.doesNotThrow(() => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))
  }
})

test('unknown fields are refused by every call', () => {
  for (const name of callNames) {
    const { error } = callDefinition(name).input.safeParse({ surprise: 1 })
    assert.ok(
      error?.issues.some(({ code }) => code === 'unrecognized_keys'),
      name,
    )
  }
})

test('what a call needs names a resource of its noun', () => {
  for (const name of callNames) {
    const needs = [callDefinition(name).right({ model: 'm', reference: 'npm/m', inputs: [], engine: 'e', capability: 'c' })].flat()
    for (const { resource } of needs) assert.match(resource, /^[a-z]+\//, name)
  }
})

test('a raw body becomes a tensor', () => {
  const body = new Uint8Array([1, 2])
  const { raw } = callTable['model.infer']
  assert.deepEqual(raw?.read(body, {}), { inputs: [{ name: 'image', dtype: 'uint8', shape: [2], data: body }] })
  assert.deepEqual(raw?.read(body, { input: 'x' }), { inputs: [{ name: 'x', dtype: 'uint8', shape: [2], data: body }] })
})

test('naming a file of this machine needs a right of its own', () => {
  const needs = (inputs: unknown): unknown => callDefinition('model.infer').right({ model: 'ocr', inputs })
  assert.deepEqual(needs([{ name: 'image', dtype: 'uint8' }]), [{ resource: 'model/ocr', right: 'invoke' }])
  assert.deepEqual(needs([{ name: 'path', dtype: 'string' }]), [
    { resource: 'model/ocr', right: 'invoke' },
    { resource: 'host/files', right: 'read' },
  ])
})

test('installing from a file of this machine needs a right of its own, too', () => {
  const needs = (reference: string): unknown => callDefinition('model.install').right({ reference, name: 'ocr' })
  assert.deepEqual(needs('npm/x'), [
    { resource: 'model/ocr', right: 'install' },
    { resource: 'source/npm', right: 'read' },
  ])
  assert.deepEqual(needs('file//etc'), [
    { resource: 'model/ocr', right: 'install' },
    { resource: 'source/file', right: 'read' },
    { resource: 'host/files', right: 'read' },
  ])
})

test('an unsafe install, and a repair, need rights of their own', () => {
  const needs = (name: CallName, input: object): string[] =>
    [callDefinition(name).right(input)].flat().map((need) => `${need.resource}:${need.right}`)
  assert.deepEqual(needs('model.install', { reference: 'npm/x', name: 'ocr', allowUnsafe: true }), [
    'model/ocr:install',
    'source/npm:read',
    'host/unsafe-models:install',
  ])
  assert.deepEqual(needs('model.register', { reference: 'npm/x', name: 'ocr', allowUnsafe: true }), [
    'model/ocr:install',
    'model/ocr:load',
    'source/npm:read',
    'host/unsafe-models:install',
  ])
  // The name of an installed model is what counts, and not what it would be called if it were to be installed.
  assert.deepEqual(needs('model.register', { reference: 'secret', name: 'ocr' }), ['model/secret:read', 'model/secret:load'])
  assert.deepEqual(needs('model.update', { model: 'ocr', allowUnsafe: true }), ['model/ocr:install', 'host/unsafe-models:install'])
  assert.deepEqual(needs('model.verify', { model: 'ocr', repair: false }), ['model/ocr:read'])
  assert.deepEqual(needs('model.verify', { model: 'ocr', repair: true }), ['model/ocr:read', 'model/ocr:install'])
  // Who may never allow unsafe models can install all the same.
  assert.deepEqual(
    leastNeedsOf(callDefinition('model.install')).map(({ resource }) => resource),
    ['model/*', 'source/*'],
  )
})

test('the types know which calls stream', () => {
  const streaming: StreamingCallName[] = ['model.install', 'model.generate', 'model.verify', 'event.subscribe', 'audit.tail']
  const unary: UnaryCallName = 'model.list'
  assert.ok(streaming.every((name) => callDefinition(name).events) && !callDefinition(unary).events)
  assert.ok(isCallName('model.list') && !isCallName('constructor'))
})

test('package paths stay inside their package', () => {
  assert.equal(checkPackagePath('./a//b/c.onnx'), 'a/b/c.onnx')
  for (const path of [
    '',
    '.',
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a\\b',
    'C:/x',
    'c:x',
    'a\0b',
    `${'a/'.repeat(65)}x`,
    'x'.repeat(256),
    'é'.repeat(128),
  ]) {
    assert.throws(() => checkPackagePath(path), { code: 'package/unsafe-path' })
  }
})

test('going before everybody else takes more than the right to invoke a model', () => {
  const input = { model: 'm', prompt: 'x' }
  const needsOf = (priority: 'realtime' | 'interactive'): unknown => callTable['model.generate'].right({ ...input, priority })
  assert.deepEqual(needsOf('interactive'), [{ resource: 'model/m', right: 'invoke' }])
  assert.deepEqual(needsOf('realtime'), [
    { resource: 'model/m', right: 'invoke' },
    { resource: 'model/m', right: 'load' },
  ])
})
