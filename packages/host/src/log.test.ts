import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createHostLog, formatText, openLogFile } from './log.ts'

const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) }

function capture(isTTY: boolean): { output: { isTTY: boolean; write: (line: string) => void }; lines: string[] } {
  const lines: string[] = []
  return { output: { isTTY, write: (line) => void lines.push(line) }, lines }
}

test('lines are JSON away from a terminal, and fields cannot replace level or message', () => {
  const { output, lines } = capture(false)
  createHostLog({ level: 'info', clock, output }).info('started', { port: 7662, level: 'error', message: 'forged' })
  assert.deepEqual(JSON.parse(lines[0] ?? ''), { time: '2026-01-02T03:04:05.006Z', level: 'info', message: 'started', port: 7662 })
  assert.ok(lines[0]?.endsWith('}\n'))
})

test('lines are readable on a terminal, coloured only if wanted, and one line each', () => {
  const { output, lines } = capture(true)
  createHostLog({ level: 'info', clock, output, color: false }).warn('odd\nthing', { name: 'a b', count: 2 })
  assert.equal(lines[0], '03:04:05.006 warn  odd thing name="a b" count=2\n')
  createHostLog({ level: 'info', clock, output, color: true }).info('x')
  assert.ok(lines[1]?.includes('\u001B[36minfo'))
})

test('the stack of an error follows its line', () => {
  const record = {
    time: '2026-01-02T03:04:05.006Z',
    level: 'error',
    message: 'failed',
    fields: { error: { message: 'why', stack: 'Error: why\n    at x' } },
  } as const
  assert.equal(formatText(record, false), '03:04:05.006 error failed error="why"\n    Error: why\n        at x\n')
})

test('the format can be forced either way', () => {
  const { output, lines } = capture(true)
  createHostLog({ level: 'info', format: 'json', clock, output }).info('x')
  assert.equal(JSON.parse(lines[0] ?? '').message, 'x')
})

test('a full log file moves aside, and a redirected stderr goes on in the same file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'soma-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'somad.log')
  using file = openLogFile(path, 10)
  file.write('first line\n')
  file.write('second line\n')
  appendFileSync(path, 'from elsewhere\n')
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'first line\n')
  assert.equal(readFileSync(path, 'utf8'), 'second line\nfrom elsewhere\n')
  assert.equal(statSync(path).mode & 0o777, 0o600)
})
