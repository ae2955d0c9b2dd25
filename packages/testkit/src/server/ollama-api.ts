import type { EndpointRoutes } from './model-endpoint.ts'
import { parrot } from './parrot.ts'

interface Options {
  readonly num_predict?: number
  readonly stop?: readonly string[]
}

/** Ollama’s own API, behind which a parrot answers, or asks for the first tool it is given. */
export function ollamaApi(model: string): EndpointRoutes {
  const known = (json: Readonly<Record<string, unknown>>, body: AsyncIterable<string> | string) =>
    json['model'] === model ? { headers: { 'content-type': 'application/x-ndjson' }, body } : missing(json['model'])
  return {
    'POST /api/chat': ({ json }) => {
      const {
        messages = [],
        options,
        tools,
      } = json as { messages?: Array<{ content: string }>; options?: Options; tools?: [{ function: { name: string } }] }
      if (tools) return known(json, lines([asking(tools[0].function.name)]))
      return known(json, lines(answer(messages.at(-1)?.content ?? '', options, (content) => ({ message: { role: 'assistant', content } }))))
    },
    'POST /api/generate': ({ json }) => {
      const { prompt = '', options } = json as { prompt?: string; options?: Options }
      return known(json, lines(answer(prompt, options, (response) => ({ response }))))
    },
    'POST /api/embed': ({ json }) => {
      const { input = [] } = json as { input?: string[] }
      const embeddings = input.map((text) => [text.length, text.split(' ').length, 1])
      return known(json, JSON.stringify({ model, embeddings, total_duration: 1, load_duration: 1, prompt_eval_count: input.length }))
    },
  }
}

function missing(model: unknown) {
  return { status: 404, body: JSON.stringify({ error: `model "${String(model)}" not found, try pulling it first` }) }
}

function* answer(prompt: string, options: Options = {}, say: (text: string) => object): Generator<object> {
  const { words, finish, promptTokens, generatedTokens } = parrot({ prompt, maxTokens: options.num_predict, stop: options.stop })
  for (const word of words) yield { ...say(word), done: false }
  yield { ...say(''), done: true, done_reason: finish, prompt_eval_count: promptTokens, eval_count: generatedTokens }
}

function asking(name: string): object {
  const tool_calls = [{ function: { name, arguments: { city: 'Rome' } } }]
  return { message: { role: 'assistant', content: '', tool_calls }, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 5 }
}

async function* lines(values: Iterable<object>): AsyncGenerator<string> {
  for (const value of values) yield `${JSON.stringify({ created_at: '2024-01-02T03:04:05Z', ...value })}\n`
}
