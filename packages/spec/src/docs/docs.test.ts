import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { errorCodes } from '@soma/core'
import { z } from 'zod'
import { callNames, callTable } from '../calls/table.ts'
import { TensorSchema } from '../tensor/tensor.ts'
import { callsReferenceMarkdown } from './calls-reference.ts'
import { callsContract, callsDigestModule } from './client-calls.ts'
import { describeCalls } from './describe-calls.ts'
import { errorsReferenceMarkdown } from './errors-reference.ts'
import { type JsonSchema, jsonSchema } from './json-schema.ts'
import { typeText } from './type-text.ts'

test('every call is in the reference with its route, errors and what it needs', () => {
  const text = callsReferenceMarkdown(callTable)
  for (const name of callNames) {
    assert.ok(text.includes(`\n## ${name}\n`), name)
    assert.ok(text.includes(callTable[name].http), name)
    for (const code of callTable[name].errors) assert.ok(text.includes(`\`${code}\``), code)
  }
})

test('needs name the input field that decides the resource', () => {
  const infer = describeCalls(callTable).find(({ name }) => name === 'model.infer')
  assert.deepEqual(infer?.needs, [{ resource: 'model/{model}', right: 'invoke' }])
})

test('every error code is in the reference', () => {
  const text = errorsReferenceMarkdown(errorCodes)
  for (const code of Object.keys(errorCodes)) assert.ok(text.includes(`| \`${code}\` |`), code)
})

test('a tensor in JSON has values and no data, and may leave its shape out only going in', () => {
  const holder = z.strictObject({ tensor: TensorSchema })
  const [input, output] = (['input', 'output'] as const).map(
    (side) => (jsonSchema(holder, side)['$defs'] as Record<string, JsonSchema>)['Tensor'],
  )
  assert.ok(input && output)
  assert.deepEqual(Object.keys(input['properties'] ?? {}), ['name', 'dtype', 'shape', 'values'])
  assert.deepEqual(input['required'], ['name', 'dtype', 'values'])
  assert.deepEqual(output['required'], ['name', 'dtype', 'shape', 'values'])
})

test('every schema of the table is plain JSON without dangling references', () => {
  for (const { name, input, output, events } of describeCalls(callTable))
    for (const schema of [input, output, events].filter((part) => part !== undefined)) {
      const text = JSON.stringify(schema)
      assert.deepEqual(JSON.parse(text), schema, name)
      for (const [, id] of text.matchAll(/"#\/\$defs\/([^"]+)"/g))
        assert.ok(Object.hasOwn(schema['$defs'] as object, id ?? ''), `${name}: ${id}`)
      assert.ok(!text.includes('__schema'), name)
    }
})

test('types read as TypeScript would write them', () => {
  const schema = z.strictObject({ a: z.enum(['x', 'y']).array(), b: z.number().nullable(), c: z.record(z.string(), z.json()).optional() })
  assert.equal(typeText(jsonSchema(schema, 'output')), '{ a: ("x" | "y")[]; b: number | null; c?: { [key]: any } }')
})

test('the committed digest is the call table’s; after a change run `npm run docs`', () => {
  const digest = createHash('sha256').update(callsContract(callTable)).digest('hex')
  assert.equal(readFileSync(join(import.meta.dirname, '../generated/calls-digest.ts'), 'utf8'), callsDigestModule(digest))
})
