import { SomaError, isSomaError } from '@soma/core'

/** The error that calls under way get when their connection ends. */
export function lostConnection(reason: unknown): SomaError {
  if (isSomaError(reason)) return reason
  return new SomaError('call/cancelled', 'the client went away', { cause: reason })
}

export function cannotListen(cause: Error, path: string): SomaError {
  return new SomaError('config/invalid', `cannot listen on ${path}: ${cause.message}; check SOMA_HOME and the folder's owner`, {
    cause,
    details: { socket: path },
  })
}

export function tooMuchHeld(what: 'frames' | 'inputs', heldBytesMax: number): SomaError {
  const message = `${what} of all clients together would take more than ${heldBytesMax} bytes of memory; try again later`
  return new SomaError('resource/exhausted', message, { details: { heldBytesMax } })
}

export function pathTooLong(path: string, bytesMax: number): SomaError {
  return new SomaError('config/invalid', `the socket path ${path} is over the system's ${bytesMax} bytes; use a shorter SOMA_HOME`, {
    details: { socket: path, bytesMax },
  })
}

export function alreadyServed(path: string): SomaError {
  return new SomaError('store/locked', `another daemon answers at ${path}; \`soma stop\` ends it`, { details: { socket: path } })
}
