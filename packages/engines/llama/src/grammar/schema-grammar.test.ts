import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { type Json, isSomaError } from '@soma/core'
import type { Llama } from 'node-llama-cpp'
import { checkGbnf } from './check-gbnf.ts'
import { jsonObjectGrammar } from './json-grammar.ts'
import { schemaGrammar } from './schema-grammar.ts'
import type { Schema } from './schema.ts'

/** Whether llama.cpp takes a text to the end; its own test, which the library does not publish. */
interface Tested {
  _testText(text: string): boolean
}

const person: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'A person',
  type: 'object',
  properties: { name: { type: 'string' }, born: { type: 'integer' }, languages: { type: 'array', items: { type: 'string' } } },
  required: ['name', 'languages'],
}
const tree: Schema = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: { value: { type: 'number' }, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
      required: ['value', 'next'],
    },
  },
}

const cases: ReadonlyArray<{ what: string; schema: Schema; takes: readonly Json[]; refuses: readonly Json[] }> = [
  {
    what: 'an object with something that may be left out',
    schema: person,
    takes: [
      { name: 'Ada', born: 1815, languages: ['English'] },
      { name: 'Ada', languages: [] },
    ],
    refuses: [
      { name: 'Ada' },
      { languages: [], name: 'Ada' },
      { name: 'Ada', born: '1815', languages: [] },
      { name: 'Ada', languages: [], more: 1 },
      [],
    ],
  },
  {
    what: 'only things that may be left out',
    schema: { properties: { a: { type: 'null' }, b: { type: 'null' } } },
    takes: [{}, { a: null }, { b: null }, { a: null, b: null }],
    refuses: [{ c: null }],
  },
  {
    what: 'others of a kind',
    schema: { properties: { a: true }, required: ['a'], additionalProperties: { type: 'integer' } },
    takes: [{ a: [] }, { a: {}, b: 1, c: 2 }],
    refuses: [{ b: 1 }, { a: 1, b: '1' }],
  },
  {
    what: 'a schema that holds itself',
    schema: tree,
    takes: [
      { value: 1.5, next: null },
      { value: 1, next: { value: 2, next: null } },
    ],
    refuses: [{ value: 1, next: {} }],
  },
  { what: 'some of few', schema: { enum: ['red', 3, null, { a: 1 }] }, takes: ['red', 3, null, { a: 1 }], refuses: ['blue', 4] },
  {
    what: 'lengths',
    schema: { type: 'array', items: { type: 'string', minLength: 2, maxLength: 3 }, minItems: 1, maxItems: 2 },
    takes: [['ab'], ['ab', 'abc']],
    refuses: [[], ['a'], ['abcd'], ['ab', 'ab', 'ab']],
  },
  {
    what: 'places',
    schema: { prefixItems: [{ type: 'integer' }, { type: 'string' }], items: { type: 'boolean' } },
    takes: [
      [1, 'a'],
      [1, 'a', true, false],
    ],
    refuses: [
      ['a', 1],
      [1, 'a', 2],
    ],
  },
  { what: 'several types', schema: { type: ['string', 'null'] }, takes: ['a', null], refuses: [1] },
  { what: 'a day', schema: { type: 'string', format: 'date' }, takes: ['2026-11-21'], refuses: ['tomorrow'] },
  { what: 'anything', schema: {}, takes: [1, 'a', [], {}, null, [{ a: [1.5e3, -2] }]], refuses: [] },
]

void describe('grammars of schemas', () => {
  let llama: Llama
  before(async () => {
    const { getLlama } = await import('node-llama-cpp')
    llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false })
  })
  const compile = async (grammar: string): Promise<Tested> => {
    checkGbnf(grammar)
    return (await llama.createGrammar({ grammar })) as unknown as Tested
  }

  for (const { what, schema, takes, refuses } of cases)
    void test(`${what}: what the schema allows is taken, spaced or not, and nothing else`, async () => {
      const grammar = await compile(schemaGrammar(schema))
      for (const value of takes)
        for (const text of [JSON.stringify(value), JSON.stringify(value, null, 2), spaced(value)]) assert.ok(grammar._testText(text), text)
      for (const value of refuses) assert.ok(!grammar._testText(JSON.stringify(value)), JSON.stringify(value))
    })

  void test('any object is JSON, and a list is not what is meant', async () => {
    const grammar = await compile(jsonObjectGrammar)
    assert.ok(grammar._testText(String.raw`{"a": [1, "\u00e9\n", {"b": null}]}`))
    assert.ok(!grammar._testText('[1]') && !grammar._testText('{"a": }'))
  })
})

void test('what a grammar cannot honour is refused by its name', () => {
  const refused: ReadonlyArray<[string, Schema]> = [
    ['pattern', { type: 'string', pattern: '^a' }],
    ['minimum', { type: 'integer', minimum: 3 }],
    ['uniqueItems', { type: 'array', uniqueItems: true }],
    ['allOf', { allOf: [{ type: 'string' }, { minLength: 2 }] }],
    ['email', { type: 'string', format: 'email' }],
    ['properties', { anyOf: [{ type: 'object' }], properties: { a: true } }],
    ['maxItems', { type: 'array', maxItems: 1e6 }],
    ['#/$defs/none', { $ref: '#/$defs/none' }],
    ['%E0%A4%A', { $ref: '#/%E0%A4%A' }],
    ['http://', { $ref: 'http://example.com/schema' }],
    ['nested', Array.from({ length: 100 }).reduce<Schema>((inner) => ({ type: 'array', items: inner }), {})],
  ]
  for (const [name, schema] of refused)
    assert.throws(
      () => schemaGrammar(schema),
      (error) => isSomaError(error, 'model/unsupported') && error.message.includes(name),
      name,
    )
})

/** As Python writes it, and with it most models. */
function spaced(value: Json): string {
  return JSON.stringify(value)
    .replaceAll(/":/g, '": ')
    .replaceAll(/,(?=["[{\dtfn-])/g, ', ')
}
