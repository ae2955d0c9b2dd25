import type { ServerResponse } from 'node:http'
import { type Clock, type Problem, toSomaError } from '@soma/core'
import { type CallStream, FRAME_CONTENT_TYPE } from '@soma/spec'
import { encodeBinary, encodeJson } from './codec.ts'

/** How a stream's parts are written, one content type each. */
export interface StreamEncoding {
  readonly contentType: string
  event(value: unknown): readonly Uint8Array[] | string
  output(value: unknown): readonly Uint8Array[] | string
  error(problem: Problem): readonly Uint8Array[] | string
  /** What keeps an idle stream open and says nothing. */
  readonly heartbeat: string | Uint8Array
}

export const SSE_CONTENT_TYPE = 'text/event-stream'
export const NDJSON_CONTENT_TYPE = 'application/x-ndjson'

/** The encodings of one call; `binary` when its values can hold tensors. */
export function streamEncodings(binary: boolean): readonly StreamEncoding[] {
  const sse = (name: string, value: unknown): string => `event: ${name}\ndata: ${encodeJson(value, binary)}\n\n`
  const line = (name: string, value: unknown): string => `${encodeJson({ [name]: value }, binary)}\n`
  return [
    {
      contentType: SSE_CONTENT_TYPE,
      event: (value) => sse('event', value),
      output: (value) => sse('output', value),
      error: (problem) => sse('error', problem),
      heartbeat: ': still here\n\n',
    },
    {
      contentType: NDJSON_CONTENT_TYPE,
      event: (event) => line('event', event),
      output: (output) => line('output', output),
      error: (error) => line('error', error),
      heartbeat: '{}\n',
    },
    {
      contentType: FRAME_CONTENT_TYPE,
      event: (event) => encodeBinary({ event }),
      output: (output) => encodeBinary({ output }),
      error: (error) => encodeBinary({ error }),
      heartbeat: Buffer.concat(encodeBinary({})),
    },
  ]
}

export interface StreamOptions {
  readonly clock: Clock
  readonly heartbeatMs: number
  readonly stallMs: number
  readonly headers: Readonly<Record<string, string>>
  /** Send the headers now: the first event may be hours away. Else they wait for it, so that an early error has its own status. */
  readonly openAtOnce: boolean
}

/**
 * Sends a stream's events as the client takes them: the next one is not asked for before the last has left.
 * @throws {SomaError} what the call failed with, as long as nothing was sent; later errors go into the stream.
 */
export async function sendStream(
  response: ServerResponse,
  stream: CallStream<unknown, unknown>,
  encoding: StreamEncoding,
  options: StreamOptions,
): Promise<void> {
  await using writer = new StreamWriter(response, encoding, options)
  if (options.openAtOnce) writer.openNow()
  else writer.openLater()
  try {
    for await (const event of stream) if (!(await writer.write(encoding.event(event)))) return
    await writer.write(encoding.output(await stream.output))
  } catch (error) {
    if (!response.headersSent) throw error
    await writer.write(encoding.error(toSomaError(error).toProblem()))
  }
}

/** The writing end: opens when there is something to say, waits for slow readers, says something when idle. */
class StreamWriter implements AsyncDisposable {
  readonly #response: ServerResponse
  readonly #encoding: StreamEncoding
  readonly #options: StreamOptions
  #timer: Disposable | undefined

  constructor(response: ServerResponse, encoding: StreamEncoding, options: StreamOptions) {
    this.#response = response
    this.#encoding = encoding
    this.#options = options
  }

  open(): void {
    if (this.#response.headersSent || this.#response.destroyed) return
    this.#response.writeHead(200, {
      'content-type': this.#encoding.contentType,
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      ...this.#options.headers,
    })
    this.openLater()
  }

  /** Sends the headers without waiting for what follows: the first write would take them along. */
  openNow(): void {
    this.open()
    this.#response.flushHeaders()
  }

  /** Opens with a heartbeat at the latest. */
  openLater(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = this.#options.clock.schedule(this.#options.heartbeatMs, () => this.#beat())
  }

  /** @returns false when the client is gone. */
  async write(parts: readonly Uint8Array[] | string): Promise<boolean> {
    this.open()
    for (const part of typeof parts === 'string' ? [parts] : parts) if (!this.#response.write(part)) await this.#drained()
    return !this.#response.destroyed
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    if (this.#response.headersSent) this.#response.end()
    return Promise.resolve()
  }

  #beat(): void {
    this.open()
    // Nothing is piled up for a reader who has not taken the last part yet.
    if (!this.#response.writableNeedDrain) this.#response.write(this.#encoding.heartbeat)
    this.openLater()
  }

  async #drained(): Promise<void> {
    const response = this.#response
    if (response.destroyed) return
    response.socket?.setTimeout(this.#options.stallMs)
    const { promise, resolve } = Promise.withResolvers<void>()
    response.once('drain', resolve).once('close', resolve)
    await promise
    response.off('drain', resolve).off('close', resolve)
    response.socket?.setTimeout(0)
  }
}

/** Reads a stream to its end for a client that wants only the output. */
export async function outputOf(stream: CallStream<unknown, unknown>): Promise<unknown> {
  for await (const _event of stream) continue
  return stream.output
}
