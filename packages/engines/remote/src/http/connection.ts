import { abortError } from '@soma/core'
import { unreachable } from '../errors.ts'
import { failedAnswer } from './failed-answer.ts'

/** What goes out. */
export interface Outgoing {
  readonly method?: 'GET' | 'POST'
  /** JSON unless it is bytes or a form. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** An endpoint’s address, and the key that it gets. */
export class Connection {
  readonly origin: string
  readonly #base: string
  readonly #fetch: typeof fetch
  readonly #headers: Readonly<Record<string, string>>

  readonly #key: string | undefined

  /** @param options.headers go with every request; `key` is what none of our messages may show. */
  constructor(
    fetch: typeof globalThis.fetch,
    base: string,
    { headers, key }: { readonly headers: Readonly<Record<string, string>>; readonly key?: string | undefined },
  ) {
    this.#fetch = fetch
    this.#base = base.replace(/\/+$/, '')
    this.origin = new URL(base).origin
    this.#headers = headers
    this.#key = key
  }

  /**
   * @param path is added to the base URL.
   * @returns a good answer, whose body is still to be read.
   * @throws {SomaError} `engine/not-ready` when nothing answers, what the endpoint’s own error means, or the signal’s reason.
   */
  async send(path: string, { method = 'POST', body, headers = {}, signal }: Outgoing): Promise<Response> {
    const asIs = body === undefined || body instanceof FormData || body instanceof Uint8Array
    const init: RequestInit = {
      method,
      signal,
      // Elsewhere neither prompts nor keys may go.
      redirect: 'manual',
      headers: { ...(!asIs && { 'content-type': 'application/json' }), ...this.#headers, ...headers },
      ...(body !== undefined && { body: asIs ? (body as NonNullable<RequestInit['body']>) : JSON.stringify(body) }),
    }
    const response = await this.#fetch(this.#base + path, init).catch((cause: unknown) => {
      throw signal.aborted ? abortError(signal) : unreachable(this.origin, cause)
    })
    if (!response.ok) throw await failedAnswer(this.origin, response, this.#key)
    return response
  }
}
