import { type ErrorCode, SomaError, isSomaError, redact, toSomaError } from '@soma/core'
import type { ChildExit } from '@soma/host'

/** Which process failed, for error messages. */
export interface EngineName {
  readonly engine: string
  readonly model: string | null
  readonly pid: number
}

/** What an engine may answer a call with. Everything else it says is a failure of its own, whatever it calls it. */
const passedOn: ReadonlySet<ErrorCode> = new Set([
  'model/input-mismatch',
  'model/unreadable-input',
  'model/load-failed',
  'model/unsupported',
  'model/context-overflow',
  'resource/exhausted',
  'engine/failed',
  'engine/not-ready',
  'engine/missing',
  'engine/device-lost',
])

/** An engine's answer as its caller should see it: an engine cannot speak for the kernel, so it cannot say `capability/denied`. */
export function answeredFailure({ engine }: EngineName, thrown: unknown): SomaError {
  const error = toSomaError(thrown)
  if (passedOn.has(error.code)) return error
  // The package, or the user, set something that the engine does not take; the message names it.
  if (error.code === 'config/invalid') return new SomaError('model/load-failed', error.message, { details: error.details, cause: error })
  const isProtocol = error.code.startsWith('call/') && error.code !== 'call/cancelled' && error.code !== 'call/timeout'
  return new SomaError(isProtocol ? 'engine/protocol' : 'engine/failed', `engine ${engine} answered ${error.code}: ${error.message}`, {
    details: { engine, code: error.code, ...error.details },
    cause: error,
  })
}

/** The connection to an engine was lost: it spoke something else than SMI, or its process ended. */
export function lostEngine(name: EngineName, reason: unknown, exit: ChildExit, lastLines: readonly string[]): SomaError {
  const { engine, model, pid } = name
  const details = {
    engine,
    model,
    pid,
    code: exit.code,
    signal: exit.signal,
    ...(exit.isOutOfMemory && { outOfMemory: true }),
    lastLines: redact(lastLines),
  }
  if (isSomaError(reason, 'call/malformed') || isSomaError(reason, 'call/too-large'))
    return new SomaError('engine/protocol', `engine ${engine} does not speak SMI v1: ${reason.message}`, { details, cause: reason })
  const why = exit.isOutOfMemory ? ': the machine had run out of memory' : ''
  const how = exit.signal ? `was ended by ${exit.signal}${why}` : `ended with exit code ${exit.code}`
  const last = lastLines.length > 0 ? ` Its last words: ${String(redact(lastLines.at(-1)))}` : ''
  return new SomaError('engine/crashed', `engine ${engine} (process ${pid}${model ? `, model ${model}` : ''}) ${how}.${last}`, {
    details,
    cause: reason,
  })
}

export function wrongAnswer({ engine }: EngineName, method: string, cause: unknown): SomaError {
  const why = cause instanceof Error ? cause.message.slice(0, 500) : String(cause)
  return new SomaError('engine/protocol', `engine ${engine} answered ${method} with something that SMI v1 does not allow: ${why}`, {
    details: { engine, method },
    cause,
  })
}

/**
 * Whether the process was lost: it ended under the call, and nobody here wanted it to, so that the call is worth another try. One that
 * hung is none, nor one that took all memory: they would do so again.
 */
export function isLostProcess(error: unknown): boolean {
  return isSomaError(error, 'engine/crashed') && 'signal' in error.details && error.details['outOfMemory'] !== true
}
