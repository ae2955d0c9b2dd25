import assert from 'node:assert/strict'
import { type ErrorCode, type SomaError, isSomaError } from '@soma/core'

/** Fails unless the answer is an error of this code. */
export async function refused(answer: Promise<unknown>, code: ErrorCode, what = ''): Promise<SomaError> {
  const outcome = await outcomeOf(answer)
  if (isSomaError(outcome, code)) return outcome
  return assert.fail(`${what}: expected ${code}, got ${isSomaError(outcome) ? outcome.code : ''} ${String(outcome)}`)
}

/** Fails unless the answer is a typed error whose message names something. */
export async function refusedFor(answer: Promise<unknown>, name: string, code?: ErrorCode): Promise<SomaError> {
  const outcome = await outcomeOf(answer)
  if (!isSomaError(outcome, code)) return assert.fail(`expected ${code ?? 'a typed error'} about ${name}, got ${String(outcome)}`)
  assert.ok(outcome.message.includes(name), `"${outcome.message}" does not name ${name}`)
  return outcome
}

function outcomeOf(answer: Promise<unknown>): Promise<unknown> {
  return answer.then(
    () => 'an answer',
    (error: unknown) => error,
  )
}
