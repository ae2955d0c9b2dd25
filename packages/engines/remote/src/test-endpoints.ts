import { createHttpFace } from '@soma/api-http'
import { createOpenAiTranslator } from '@soma/api-openai'
import type { CallInput } from '@soma/spec'
import { FAKE_TOKEN, FakeDispatcher, httpFaceDeps, loopback } from '@soma/testkit/face'
import { parrot } from '@soma/testkit/server'
import type { RemotePolicy } from './policy.ts'

const timings = { queueMs: 0, loadMs: 0, runMs: 0 }
const Rome = { id: 'c1', name: 'weather', arguments: '{"city":"Rome"}' }

/** Soma's own OpenAI face as somebody else's endpoint, with a parrot behind it. */
export async function startOpenAi(): Promise<{ readonly url: string; readonly dispatcher: FakeDispatcher } & AsyncDisposable> {
  const dispatcher = new FakeDispatcher()
  dispatcher.handlers.set('model.generate', (input) => speak(input as CallInput<'model.generate'>))
  dispatcher.handlers.set('model.embed', (input) => Promise.resolve(embedded(input as CallInput<'model.embed'>)))
  dispatcher.handlers.set('model.transcribe', written)
  const face = createHttpFace(httpFaceDeps(dispatcher), {
    ...loopback,
    bodyBytesMax: 1 << 20,
    translators: [createOpenAiTranslator({ version: '1.2.3' })],
  })
  const { address } = await face.start()
  return { url: `${address}/openai/v1`, dispatcher, [Symbol.asyncDispose]: () => face.stop({ drainMs: 0 }) }
}

async function* speak({
  prompt,
  messages = [],
  maxTokens,
  stop,
  tools,
}: CallInput<'model.generate'>): AsyncGenerator<unknown, unknown, void> {
  const answer = parrot({ prompt: prompt ?? messages.at(-1)?.content ?? '', maxTokens, stop })
  const asks = tools?.some(({ name }) => name === Rome.name) === true
  if (asks) yield { text: '', toolCall: Rome }
  else for (const text of answer.words) yield { text }
  const usage = { promptTokens: answer.promptTokens, cachedTokens: 1, generatedTokens: answer.generatedTokens }
  return { text: answer.words.join(''), toolCalls: [], finish: asks ? 'tool-calls' : answer.finish, usage, timings }
}

/** Not of length 1, so that it is seen who makes them so. */
function embedded({ input }: CallInput<'model.embed'>): unknown {
  const values = new Float32Array(input.flatMap((text) => [3 * text.length, 4 * text.length]))
  return {
    embeddings: { name: 'embeddings', dtype: 'float32', shape: [input.length, 2], data: new Uint8Array(values.buffer) },
    usage: { promptTokens: input.length, cachedTokens: 0, generatedTokens: 0 },
    timings,
  }
}

async function* written(): AsyncGenerator<unknown, unknown, void> {
  const segments = [
    { startSeconds: 0, endSeconds: 1, text: ' Good' },
    { startSeconds: 1, endSeconds: 2, text: ' day.' },
  ]
  for (const segment of segments) yield { segment }
  return { text: 'Good day.', language: 'en', durationSeconds: 2, segments, timings }
}

/** Everything is allowed, and these origins get this key. */
export function openPolicy(origins: readonly string[], key = FAKE_TOKEN): RemotePolicy {
  return { mode: 'local', commands: [], keys: Object.fromEntries(origins.map((origin) => [origin, { from: 'TEST_KEY', key }])) }
}
