import { SomaError, abortError, isErrorCode, isSomaError } from '@soma/core'
import { type CallOptions, type CallStream, FRAME_CONTENT_TYPE, decodeFrame } from '@soma/spec'
import { type Transport, connectionClosed } from '../transport.ts'
import { callRequest } from './request.ts'
import { HttpStream } from './stream.ts'

export interface HttpTransportOptions {
  /** Where the daemon serves HTTP, e.g. `http://127.0.0.1:7662`. */
  readonly url: string
  readonly token: string | undefined
  readonly fetch: typeof fetch
}

/** Calls over HTTP, with frames both ways so that tensors stay binary. */
export class HttpTransport implements Transport {
  readonly #base: string
  readonly #options: HttpTransportOptions
  /** Aborts what is under way when the connection is given up. */
  readonly #closed = new AbortController()

  constructor(options: HttpTransportOptions) {
    this.#options = options
    this.#base = options.url.replace(/\/+$/, '')
  }

  async call(name: string, input: unknown, options: CallOptions = {}): Promise<unknown> {
    const signal = this.#signal(options.signal)
    const response = await this.#send(name, input, signal)
    try {
      return decodeFrame(new Uint8Array(await response.arrayBuffer()))
    } catch (error) {
      throw this.#failure(error, signal)
    }
  }

  stream(name: string, input: unknown, options: CallOptions = {}): CallStream<unknown, unknown> {
    const left = new AbortController()
    const signal = AbortSignal.any([this.#signal(options.signal), left.signal])
    const response = this.#send(name, input, signal)
    return new HttpStream(response, { left, failure: (error) => this.#failure(error, signal) })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(connectionClosed())
    return Promise.resolve()
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal
  }

  async #send(name: string, input: unknown, signal: AbortSignal): Promise<Response> {
    if (signal.aborted) throw abortError(signal)
    const { path, method, headers, body } = callRequest(name, input, this.#options.token)
    let response: Response
    try {
      response = await this.#options.fetch(this.#base + path, { method, headers, signal, redirect: 'error', ...(body && { body }) })
    } catch (error) {
      throw this.#failure(error, signal)
    }
    if (response.ok && response.headers.get('content-type') === FRAME_CONTENT_TYPE) return response
    throw await this.#problem(response)
  }

  async #problem(response: Response): Promise<SomaError> {
    const problem: unknown = await response.json().catch(() => undefined)
    if (isProblem(problem)) return SomaError.fromProblem(problem)
    return new SomaError('daemon/unreachable', `${this.#base} answers with status ${response.status}, but is no Soma daemon`, {
      retryable: false,
    })
  }

  /** What `fetch` throws, as the error it stands for. */
  #failure(error: unknown, signal: AbortSignal): SomaError {
    if (isSomaError(error)) return error
    if (signal.aborted) return abortError(signal)
    return new SomaError('daemon/unreachable', `no daemon answers at ${this.#base}; start one with \`soma serve --detach\``, {
      cause: error,
      details: { url: this.#base },
    })
  }
}

function isProblem(value: unknown): value is Parameters<typeof SomaError.fromProblem>[0] {
  if (typeof value !== 'object' || value === null) return false
  const { code, detail } = value as Record<string, unknown>
  return typeof code === 'string' && typeof detail === 'string' && (isErrorCode(code) || code.includes('/'))
}
