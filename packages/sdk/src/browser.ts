import { createSoma, type Soma } from './soma.ts'
import { HttpTransport } from './http/transport.ts'

export { type ErrorCode, SomaError, isSomaError } from '@soma/core'
export { CALLS_DIGEST } from '@soma/spec'
export type { CallEvent, CallInput, CallName, CallOptions, CallOutput, CallStream, Calls, Dtype, Tensor, TensorValue } from '@soma/spec'
export type { Nouns, Soma } from './soma.ts'
export { type TensorOptions, type TensorSource, tensor, values } from './tensor.ts'

export interface HttpConnectOptions {
  /** Where the daemon serves HTTP, e.g. `http://127.0.0.1:7662`. */
  readonly url: string
  /** A bearer token from `soma token create`. Without one only what the owner made public can be called. */
  readonly token?: string | undefined
  /** Instead of the global `fetch`, for tests and proxies. */
  readonly fetch?: typeof fetch | undefined
}

/**
 * A connection over HTTP, for browsers and other machines. Nothing is sent before the first call.
 *
 * @example
 * const soma = connectHttp({ url: 'http://127.0.0.1:7662', token })
 * const { models } = await soma.model.list()
 */
export function connectHttp({ url, token, fetch = globalThis.fetch.bind(globalThis) }: HttpConnectOptions): Soma {
  return createSoma(new HttpTransport({ url, token, fetch }))
}
