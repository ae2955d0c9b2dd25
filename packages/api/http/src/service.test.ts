import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { errorCodes } from '@soma/core'
import { type Metric, callTable } from '@soma/spec'
import fc from 'fast-check'
// @ts-expect-error: it brings no types
import parsePrometheus from 'parse-prometheus-text-format'
import { metricsText, openapiDocument } from './index.ts'
import { TestFace } from './test-face.ts'

interface Operation {
  readonly operationId?: string
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string; readonly required: boolean }>
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Readonly<Record<string, unknown>> }>>
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, unknown>>; readonly securitySchemes: object }
}

test('/openapi.json is a valid OpenAPI 3.1 document', async () => {
  await using face = await TestFace.start()
  const document = (await (await face.fetch('/openapi.json')).json()) as object
  assert.deepEqual(document, openapiDocument(callTable, { version: '1.2.3' }))
  const validator = new Validator()
  const { valid, errors } = await validator.validate(document)
  assert.deepEqual([valid, errors, validator.version], [true, undefined, '3.1'])
})

test('every call is documented: path, parameters, body, stream, errors', () => {
  const { paths, components } = openapiDocument(callTable, { version: '0' }) as unknown as Document
  for (const definition of Object.values(callTable)) {
    const [method = '', path = ''] = definition.http.split(' ')
    const operation = paths[path]?.[method.toLowerCase()]
    assert.equal(operation?.operationId, definition.name)
    for (const [, name] of path.matchAll(/\{(\w+)\}/g))
      assert.ok(operation?.parameters?.some((parameter) => parameter.name === name && parameter.in === 'path' && parameter.required))
    for (const code of definition.errors) {
      const response: Operation['responses'][string] | undefined = operation?.responses[String(errorCodes[code].http)]
      assert.ok(response?.description.includes(code), `${definition.name}: ${code}`)
      assert.ok(response?.content['application/problem+json'])
    }
    const types = Object.keys(operation?.responses['200']?.content ?? {})
    assert.equal(types.includes('text/event-stream'), 'events' in definition && definition.events !== undefined, definition.name)
    assert.ok(types.includes('application/x-soma-frame'))
    if ('raw' in definition) assert.ok(operation?.requestBody?.content['*/*'])
  }
  assert.deepEqual(Object.keys(components.securitySchemes), ['bearer'])
  const text = JSON.stringify({ paths, components })
  for (const [, id] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    assert.ok(Object.hasOwn(components.schemas, id ?? ''), id ?? 'no id')
})

test('metrics of any text parse as Prometheus exposition, values and labels intact', () => {
  const name = fc.stringMatching(/^soma_[a-z]{1,10}_[a-z]{1,10}$/)
  const label = fc.stringMatching(/^[a-z]{1,8}$/).filter((text) => text !== 'le' && text !== 'quantile')
  const metric = fc.record({
    name,
    help: fc.string({ unit: 'grapheme', minLength: 1 }),
    type: fc.constantFrom('counter' as const, 'gauge' as const),
    samples: fc.array(
      fc.record({
        labels: fc.dictionary(label, fc.string({ unit: 'grapheme' }), { maxKeys: 3, noNullPrototype: true }),
        value: fc.double(),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  fc.assert(
    fc.property(metric, (made) => {
      const text = metricsText([made])
      const lines = text.split('\n')
      assert.equal(lines.length, 2 + made.samples.length + 1)
      assert.equal(lines[1], `# TYPE ${made.name} ${made.type}`)
      for (const [index, { labels, value }] of made.samples.entries())
        assert.deepEqual(parseSample(lines[2 + index] ?? ''), { name: made.name, labels, value: value === 0 ? 0 : value })
    }),
  )
})

/** The exposition format's own grammar of a sample line. */
function parseSample(line: string): { name: string; labels: Record<string, string>; value: number } {
  const [, name = '', , inside = '', number = ''] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line) ?? []
  const pairs = [...inside.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\["\\n])*)"/g)]
  const unescape = (text: string): string => text.replaceAll(/\\(["\\n])/g, (_match, one: string) => (one === 'n' ? '\n' : one))
  const value = number.replace('Inf', 'Infinity').replace('+', '')
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, unescape(text)])),
    value: Number(value) === 0 ? 0 : Number(value),
  }
}

test('/metrics reads as counters, gauges and histograms in an independent parser', async () => {
  const metrics: Metric[] = [
    {
      name: 'soma_calls_total',
      help: 'Calls by name and outcome.',
      type: 'counter',
      samples: [{ labels: { name: 'model.infer', status: 'ok' }, value: 12 }],
    },
    { name: 'soma_memory_rss_bytes', help: 'Memory.', type: 'gauge', samples: [{ labels: {}, value: 1.5e8 }] },
    {
      name: 'soma_call_seconds',
      help: 'Duration.',
      type: 'histogram',
      samples: [
        { suffix: '_bucket', labels: { le: '0.1' }, value: 3 },
        { suffix: '_bucket', labels: { le: '+Inf' }, value: 4 },
        { suffix: '_sum', labels: {}, value: 0.7 },
        { suffix: '_count', labels: {}, value: 4 },
      ],
    },
  ]
  await using face = await TestFace.start({}, { metrics: () => metrics })
  const response = await face.fetch('/metrics')
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const families = parsePrometheus(await response.text()) as ReadonlyArray<{ name: string; type: string; metrics: readonly unknown[] }>
  assert.deepEqual(
    families.map(({ name, type }) => [name, type]),
    metrics.map(({ name, type }) => [name, type.toUpperCase()]),
  )
  assert.deepEqual(families[2]?.metrics[0], { buckets: { '0.1': '3', '+Inf': '4' }, sum: '0.7', count: '4' })
})

test('probes say whether the process lives and whether calls are served', async () => {
  let ready = false
  await using face = await TestFace.start({}, { readiness: () => (ready ? { ready } : { ready, reason: 'the store is being checked' }) })
  assert.equal((await face.fetch('/healthz')).status, 200)
  const not = await face.fetch('/readyz')
  assert.deepEqual([not.status, await not.json()], [503, { status: 'not ready', reason: 'the store is being checked' }])
  ready = true
  assert.equal((await face.fetch('/readyz')).status, 200)
})

test('the root points to the document, and the pages but the probes need a known caller', async () => {
  await using face = await TestFace.start()
  assert.deepEqual(await (await face.fetch('/')).json(), { name: 'soma', version: '1.2.3', openapi: '/openapi.json' })
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  for (const path of ['/', '/metrics', '/openapi.json']) assert.equal((await face.fetch(path, { headers })).status, 401, path)
  for (const path of ['/healthz', '/readyz']) assert.equal((await face.fetch(path, { headers })).status, 200, path)
})
