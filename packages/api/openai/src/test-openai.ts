import { createHttpFace } from '@soma/api-http'
import { FAKE_TOKEN, FakeDispatcher, httpFaceDeps, loopback } from '@soma/testkit/face'
import OpenAI from 'openai'
import { createOpenAiTranslator } from './index.ts'

/** The official client, our translator on the HTTP face, and a fake kernel behind it. */
export class TestOpenAi implements AsyncDisposable {
  readonly dispatcher: FakeDispatcher
  readonly url: string
  readonly client: OpenAI
  readonly #stop: () => Promise<void>

  private constructor(dispatcher: FakeDispatcher, url: string, stop: () => Promise<void>) {
    this.dispatcher = dispatcher
    this.url = url
    this.client = this.as(FAKE_TOKEN)
    this.#stop = stop
  }

  static async start(bodyBytesMax: number = loopback.bodyBytesMax): Promise<TestOpenAi> {
    const dispatcher = new FakeDispatcher()
    const face = createHttpFace(httpFaceDeps(dispatcher), {
      ...loopback,
      bodyBytesMax,
      translators: [createOpenAiTranslator({ version: '1.2.3' })],
    })
    const { address } = await face.start()
    return new TestOpenAi(dispatcher, address, () => face.stop({ drainMs: 0 }))
  }

  as(apiKey: string, maxRetries = 0): OpenAI {
    return new OpenAI({ apiKey, baseURL: `${this.url}/openai/v1`, maxRetries })
  }

  /** What the last call was asked, without fields that say nothing. */
  get input(): unknown {
    const fields = Object.entries(this.dispatcher.calls.at(-1)?.input as object)
    return Object.fromEntries(fields.filter(([, value]) => value !== undefined))
  }

  async post(path: string, body: string | Uint8Array<ArrayBuffer>, contentType = 'application/json'): Promise<Response> {
    const headers = { 'content-type': contentType, authorization: `Bearer ${FAKE_TOKEN}` }
    return fetch(this.url + path, { method: 'POST', body, headers })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

const timings = { queueMs: 0, loadMs: 0, runMs: 0 }

/** A `model.generate` that says these pieces. */
export function saying(
  events: ReadonlyArray<{ readonly text: string; readonly toolCall?: { id: string; name: string; arguments: string } }>,
  finish = 'stop',
): () => AsyncGenerator<unknown, unknown, void> {
  return async function* () {
    yield* events
    return {
      text: events.map(({ text }) => text).join(''),
      toolCalls: events.flatMap(({ toolCall }) => toolCall ?? []),
      finish,
      usage: { promptTokens: 7, cachedTokens: 3, generatedTokens: 2 },
      timings,
    }
  }
}
