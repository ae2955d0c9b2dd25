import assert from 'node:assert/strict'
import test from 'node:test'
import { SomaError, errorCodes, isErrorCode, isSomaError, toSomaError } from './index.ts'

test('every code has an HTTP status, an exit code and a sentence that ends', () => {
  for (const [code, { http, exit, summary }] of Object.entries(errorCodes)) {
    assert.ok(http >= 400 && http < 600, code)
    assert.ok(exit > 0 && exit < 256, code)
    assert.match(summary, /^\S.*\.$/, code)
  }
})

test('an error survives the trip over a face', () => {
  const error = new SomaError('model/not-found', 'no model x', { details: { nearest: ['y'] } })
  const back = SomaError.fromProblem(JSON.parse(JSON.stringify(error.toProblem())))
  assert.deepEqual([back.code, back.message, back.details, back.retryable], [error.code, error.message, error.details, false])
  assert.equal(error.toProblem().status, 404)
  assert.equal('details' in new SomaError('internal', 'x').toProblem(), false)
  assert.equal(SomaError.fromProblem({ code: 'engine/crashed', detail: 'x' }).retryable, true)
  assert.equal(SomaError.fromProblem({ code: 'engine/crashed', detail: 'x', retryable: false }).retryable, false)
})

test('a code of a newer peer becomes internal and keeps its words', () => {
  const error = SomaError.fromProblem({ code: 'time/travelled', detail: 'too early' })
  assert.equal(error.code, 'internal')
  assert.match(error.message, /time\/travelled: too early/)
})

test('the brand tells our errors, of any copy of the package, from others', () => {
  const error = new SomaError('internal', 'x')
  assert.ok(isSomaError(error) && isSomaError(error, 'internal'))
  assert.ok(!isSomaError(error, 'call/unknown') && !isSomaError(new Error('x')) && !isSomaError(null) && !isSomaError('x'))
  assert.ok(isErrorCode('internal') && !isErrorCode('toString'))
})

test('anything thrown becomes a typed error', () => {
  const own = new SomaError('call/timeout', 'x')
  assert.equal(toSomaError(own), own)
  const code = (thrown: unknown): string => toSomaError(thrown).code
  assert.equal(code(new DOMException('a', 'AbortError')), 'call/cancelled')
  assert.equal(code(new DOMException('a', 'TimeoutError')), 'call/timeout')
  assert.equal(code(Object.assign(new Error('a'), { code: 'ENOSPC' })), 'store/disk-full')
  assert.equal(code(Object.assign(new Error('a'), { code: 'EDQUOT' })), 'store/disk-full')
  assert.equal(code('text'), 'internal')
  assert.equal(code(Object.assign(new Error('aborted', { cause: own }), { name: 'AbortError' })), 'call/timeout')
  assert.equal(toSomaError(new TypeError('why')).message, 'why')
})
