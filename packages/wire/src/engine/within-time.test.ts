import assert from 'node:assert/strict'
import test from 'node:test'
import { withinTime } from './within-time.ts'

const late = (): Error => new Error('late')

test('work gives its result, and fails as it fails', () => {
  assert.deepEqual(
    withinTime(() => [1, { a: 2 }], 1000, late),
    [1, { a: 2 }],
  )
  const failure = new TypeError('no')
  assert.throws(
    () =>
      withinTime(
        () => {
          throw failure
        },
        1000,
        late,
      ),
    (error) => error === failure,
  )
})

test('work without end is ended, in a loop or in an expression that backtracks, and the next runs', () => {
  const endless = (): never => {
    for (;;);
  }
  assert.throws(() => withinTime(endless, 20, late), { message: 'late' })
  assert.throws(() => withinTime(() => /^(a+)+$/.test(`${'a'.repeat(40)}b`), 20, late), { message: 'late' })
  assert.equal(
    withinTime(() => 1, 1000, late),
    1,
  )
})
