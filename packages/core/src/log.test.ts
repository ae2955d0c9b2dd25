import assert from 'node:assert/strict'
import test from 'node:test'
import { type LogRecord, SomaError, createLog, redact, silentLog } from './index.ts'

function logged(level: 'debug' | 'warn', work: (log: ReturnType<typeof createLog>) => void): LogRecord[] {
  const records: LogRecord[] = []
  work(createLog({ level, clock: { now: () => 0 }, write: (record) => records.push(record), fields: { part: 'a' } }))
  return records
}

test('lines below the level are dropped; the others carry time, level and the fields of their log', () => {
  const records = logged('warn', (log) => {
    log.debug('no')
    log.info('no')
    log.warn('yes', { n: 1 })
    log.with({ call: 'c' }).error('also')
  })
  assert.deepEqual(records, [
    { time: '1970-01-01T00:00:00.000Z', level: 'warn', message: 'yes', fields: { part: 'a', n: 1 } },
    { time: '1970-01-01T00:00:00.000Z', level: 'error', message: 'also', fields: { part: 'a', call: 'c' } },
  ])
})

test('secrets are hidden by key, by shape, inside URLs and inside causes', () => {
  const [record] = logged('debug', (log) =>
    log.info('sent Authorization: Bearer abc.def', {
      apiKey: 'k',
      headers: { Cookie: 'c', accept: 'x' },
      url: 'https://me:pass@host/path',
      reference: 'url/https://host/m.onnx?v=1&access_token=hush&X-Amz-Signature=hush#sha256=ab',
      token: undefined,
      text: `got soma_0123456789abcdef_${'A'.repeat(43)} back`,
      error: new SomaError('internal', 'outer', { cause: new Error('password in soma_0123456789abcdef_SECRET') }),
    }),
  )
  const text = JSON.stringify(record)
  for (const secret of ['abc.def', '"k"', '"c"', 'pass@', 'hush', 'AAAA', '_SECRET']) assert.ok(!text.includes(secret), secret)
  assert.ok(text.includes('?v=1&access_token=[redacted]&X-Amz-Signature=[redacted]#sha256=ab'))
  assert.ok(
    text.includes('https://me:[redacted]@host/path') && text.includes('"accept":"x"') && text.includes('soma_0123456789abcdef_[redacted]'),
  )
})

test('cyclic, deep, binary and huge values end', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  assert.match(JSON.stringify(redact({ cyclic, bytes: new Uint8Array(9), big: 10n, list: [1, null], undefined })), /\[…\].*<9 bytes>.*"10"/)
  assert.equal((redact(Object.assign(new Error('x'), { code: 'E' })) as { code: string }).code, 'E')
})

test('a silent log is silent, also with fields', () => {
  silentLog.with({ a: 1 }).error('x')
  silentLog.debug('x')
  silentLog.info('x')
  silentLog.warn('x')
})
