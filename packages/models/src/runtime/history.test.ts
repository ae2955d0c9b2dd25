import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@soma/host'
import { History, say } from './history.ts'
import { HISTORY_MAX } from './limits.ts'

test('of each model the last happenings are known, newest first, and none once it is forgotten', () => {
  const history = new History(systemClock)
  for (let count = 0; count <= HISTORY_MAX; count++) history.note('a', `${count}`, 'because')
  history.note('b', 'unloaded', (nameOf) => `${nameOf('a')} needed its memory.`)
  assert.deepEqual([history.of('a').length, history.of('a')[0]?.what], [HISTORY_MAX, `${HISTORY_MAX}`])
  const why = history.last('b')?.why ?? ''
  assert.deepEqual(
    ['a', 'another model'].map((name) => say(why, () => name)),
    ['a needed its memory.', 'another model needed its memory.'],
  )
  history.forget('a')
  assert.deepEqual([history.of('a'), history.of('b').length], [[], 1])
})
