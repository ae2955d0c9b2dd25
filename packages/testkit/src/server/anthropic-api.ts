import type { EndpointAnswer, EndpointRoutes } from './model-endpoint.ts'
import { parrot } from './parrot.ts'

interface MessagesBody {
  readonly max_tokens?: number
  readonly stop_sequences?: readonly string[]
  readonly messages: ReadonlyArray<{
    readonly role: string
    readonly content: ReadonlyArray<{ readonly type: string; readonly text?: string }>
  }>
  readonly tools?: ReadonlyArray<{ readonly name: string }>
}

/** The streaming half of Anthropic’s Messages API, behind which a parrot answers, or asks for the first tool it is given. */
export function anthropicApi(key: string): EndpointRoutes {
  return {
    'POST /v1/messages': ({ headers, json }) => {
      if (headers['x-api-key'] !== key) return failed(401, 'authentication_error', 'invalid x-api-key')
      if (headers['anthropic-version'] !== '2023-06-01')
        return failed(400, 'invalid_request_error', 'anthropic-version: header is required')
      const body = json as unknown as MessagesBody
      if (body.max_tokens === undefined) return failed(400, 'invalid_request_error', 'max_tokens: Field required')
      const events = body.tools ? toolEvents(body.tools[0]?.name ?? '') : textEvents(body)
      return { headers: { 'content-type': 'text/event-stream' }, body: serverSent(events) }
    },
  }
}

function failed(status: number, type: string, message: string): EndpointAnswer {
  return { status, body: JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_1' }) }
}

function* textEvents({ messages, max_tokens: maxTokens, stop_sequences: stop }: MessagesBody): Generator<object> {
  const prompt = messages.at(-1)?.content.findLast(({ type }) => type === 'text')?.text ?? ''
  const { words, finish, promptTokens, generatedTokens } = parrot({ prompt, maxTokens, stop })
  yield started(promptTokens)
  yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }
  yield { type: 'ping' }
  for (const text of words) yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }
  yield { type: 'content_block_stop', index: 0 }
  yield* ended(finish === 'length' ? 'max_tokens' : stop ? 'stop_sequence' : 'end_turn', generatedTokens)
}

function* toolEvents(name: string): Generator<object> {
  yield started(3)
  yield { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'toolu_1', name, input: {} } }
  for (const partial_json of ['{"city":', ' "Rome"}'])
    yield { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json } }
  yield { type: 'content_block_stop', index: 0 }
  yield* ended('tool_use', 5)
}

/** The prompt is counted in three parts that do not overlap. */
function started(promptTokens: number): object {
  const usage = { input_tokens: promptTokens - 1, cache_read_input_tokens: 1, cache_creation_input_tokens: 0, output_tokens: 1 }
  return { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], stop_reason: null, usage } }
}

function* ended(stop_reason: string, output_tokens: number): Generator<object> {
  yield { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens } }
  yield { type: 'message_stop' }
}

async function* serverSent(events: Iterable<object>): AsyncGenerator<string> {
  for (const event of events) yield `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`
}
