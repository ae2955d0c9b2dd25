import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import { behave, until } from '@soma/testkit/face'
import { TestOpenAi, saying } from '../test-openai.ts'

const hello = { model: 'tiny', messages: [{ role: 'user' as const, content: 'Hello' }] }
const weather = { id: 'c1', name: 'weather', arguments: '{"city":"Rome"}' }
const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9, prompt_tokens_details: { cached_tokens: 3 } }

test('an answer comes whole, with usage and the call’s id', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', saying([{ text: 'Good ' }, { text: 'day' }]))
  const before = Math.floor(Date.now() / 1000)
  const { id, created, _request_id: requestId, ...rest } = await openai.client.chat.completions.create(hello)
  assert.match(id, /^chatcmpl-call_[0-9a-z]{16}$/)
  assert.equal(`chatcmpl-${requestId}`, id)
  assert.ok(created >= before)
  assert.deepEqual(rest, {
    object: 'chat.completion',
    model: 'tiny',
    system_fingerprint: 'soma-1.2.3',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Good day', refusal: null }, logprobs: null, finish_reason: 'stop' }],
    usage,
  })
  assert.deepEqual(openai.input, { model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], priority: 'interactive' })
})

test('every field reaches the call under its own name', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', saying([]))
  const parameters = { type: 'object', properties: { city: { type: 'string' } } }
  const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] }
  await openai.client.chat.completions.create(
    {
      ...hello,
      max_completion_tokens: 5,
      temperature: 0,
      top_p: 0.5,
      presence_penalty: 1,
      frequency_penalty: -1,
      seed: 42,
      stop: 'END',
      n: 1,
      logprobs: null,
      user: 'u1',
      prompt_cache_key: 'chat-1',
      tools: [{ type: 'function', function: { name: 'weather', description: 'Tells it', parameters, strict: true } }],
      tool_choice: { type: 'function', function: { name: 'weather' } },
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } },
    },
    { headers: { 'x-soma-priority': 'batch' } },
  )
  assert.deepEqual(openai.input, {
    model: 'tiny',
    messages: [{ role: 'user', content: 'Hello' }],
    maxTokens: 5,
    temperature: 0,
    topP: 0.5,
    presencePenalty: 1,
    frequencyPenalty: -1,
    seed: 42,
    stop: ['END'],
    session: 'chat-1',
    tools: [{ name: 'weather', description: 'Tells it', parameters }],
    toolChoice: { name: 'weather' },
    format: { type: 'json-schema', schema },
    priority: 'batch',
  })
})

test('messages of every role become ours', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', saying([]))
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47])
  await openai.client.chat.completions.create({
    model: 'tiny',
    messages: [
      { role: 'developer', content: 'Be brief' },
      { role: 'system', content: [{ type: 'text', text: 'Be kind' }] },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${png.toString('base64')}`, detail: 'auto' } },
          { type: 'text', text: 'is this?' },
        ],
      },
      { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: 'c1', content: 'a cat' },
      { role: 'assistant', refusal: 'I will not say' },
    ],
  })
  const { messages } = openai.input as { messages: Array<{ images?: Uint8Array[] }> }
  assert.deepEqual(
    messages.map(({ images, ...rest }) => ({ ...rest, ...(images && { images: images.map((image) => [...image]) }) })),
    [
      { role: 'system', content: 'Be brief' },
      { role: 'system', content: 'Be kind' },
      { role: 'user', content: 'What\nis this?', images: [[...png]] },
      { role: 'assistant', content: '', toolCalls: [{ id: 'c1', name: 'look', arguments: '{}' }] },
      { role: 'tool', content: 'a cat', toolCallId: 'c1' },
      { role: 'assistant', content: 'I will not say' },
    ],
  )
})

test('a stream has the role first, the reason last, usage if asked for, and its end', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', saying([{ text: 'Good ' }, { text: 'day' }], 'length'))
  const stream = await openai.client.chat.completions.create({ ...hello, stream: true, stream_options: { include_usage: true } })
  const chunks = await Array.fromAsync(stream)
  assert.deepEqual(
    chunks.map(({ choices: [choice], usage }) => [choice?.delta, choice?.finish_reason, usage]),
    [
      [{ role: 'assistant', content: 'Good ' }, null, null],
      [{ content: 'day' }, null, null],
      [{}, 'length', null],
      [undefined, undefined, usage],
    ],
  )
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1)
  const plain = await openai.post('/v1/chat/completions', JSON.stringify({ ...hello, stream: true }))
  const text = await plain.text()
  assert.ok(!text.includes('"usage"'))
  assert.ok(text.endsWith('data: [DONE]\n\n'))
})

test('tools that the model asks for come whole and in pieces, as the client puts them together', async () => {
  await using openai = await TestOpenAi.start()
  const second = { id: 'c2', name: 'weather', arguments: '{"city":"Oslo"}' }
  using _ = behave(
    openai.dispatcher,
    'model.generate',
    saying([{ text: 'Let me see.' }, { text: '', toolCall: weather }, { text: '', toolCall: second }], 'tool-calls'),
  )
  const params = { ...hello, tools: [{ type: 'function' as const, function: { name: 'weather' } }] }
  const whole = await openai.client.chat.completions.create(params)
  const calls = [weather, second].map(({ id, ...call }) => ({ id, type: 'function', function: call }))
  assert.deepEqual(whole.choices[0]?.message.tool_calls, calls)
  assert.equal(whole.choices[0]?.finish_reason, 'tool_calls')
  const gathered = await openai.client.chat.completions.stream(params).finalChatCompletion()
  assert.deepEqual(
    gathered.choices[0]?.message.tool_calls?.map((call) =>
      call.type === 'function' ? [call.id, call.function.name, call.function.arguments] : [],
    ),
    [weather, second].map(({ id, name, arguments: args }) => [id, name, args]),
  )
  assert.equal(gathered.choices[0]?.message.content, 'Let me see.')
})

test('a client that stops reading, or aborts, cancels the call', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', async function* (_input, { signal }) {
    yield { text: 'one' }
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  })
  const stream = await openai.client.chat.completions.create({ ...hello, stream: true })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'one') break
  await until(() => openai.dispatcher.active === 0, 'the streamed call ends')
  const controller = new AbortController()
  const whole = openai.client.chat.completions.create(hello, { signal: controller.signal })
  await until(() => openai.dispatcher.active === 1, 'the call begins')
  controller.abort()
  await assert.rejects(whole, { name: /Error/ })
  await until(() => openai.dispatcher.active === 0, 'the whole call ends')
})

test('what goes wrong in a stream is its last event', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', async function* () {
    yield { text: 'one' }
    throw new SomaError('engine/crashed', 'the engine is gone')
  })
  const stream = await openai.client.chat.completions.create({ ...hello, stream: true })
  await assert.rejects(Array.fromAsync(stream), { message: /the engine is gone/, code: 'engine/crashed', type: 'server_error' })
})

test('a prompt longer than the context is context_length_exceeded', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', async function* () {
    yield* []
    throw new SomaError('model/context-overflow', 'the prompt has 900 tokens, the context 512', { details: { promptTokens: 900 } })
  })
  for (const stream of [false, true])
    await assert.rejects(openai.client.chat.completions.create({ ...hello, stream }), {
      status: 400,
      type: 'invalid_request_error',
      code: 'context_length_exceeded',
      param: 'messages',
    })
})

/** What is refused, with the name it is refused by. */
const refused: ReadonlyArray<readonly [object, string, string]> = [
  [{ n: 2 }, 'n', 'unsupported_value'],
  [{ logprobs: true }, 'logprobs', 'unsupported_value'],
  [{ logit_bias: { 5: 1 } }, 'logit_bias.5', 'unsupported_parameter'],
  [{ parallel_tool_calls: false }, 'parallel_tool_calls', 'unsupported_value'],
  [{ modalities: ['text', 'audio'] }, 'modalities', 'invalid_value'],
  [{ reasoning_effort: 'low' }, 'reasoning_effort', 'unsupported_parameter'],
  [{ functions: [] }, 'functions', 'unsupported_parameter'],
  [{ surprise: 1 }, 'surprise', 'unsupported_parameter'],
  [{ temperature: 3 }, 'temperature', 'invalid_value'],
  [{ temperature: 'hot' }, 'temperature', 'invalid_type'],
  [{ max_tokens: 1, max_completion_tokens: 2 }, 'max_tokens', 'invalid_value'],
  [{ stream_options: { include_usage: true } }, 'stream_options', 'invalid_value'],
  [{ tool_choice: { type: 'allowed_tools' } }, 'tool_choice', 'unsupported_value'],
  [{ tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools[0].type', 'unsupported_value'],
  [{ messages: undefined }, 'messages', 'missing_required_parameter'],
  [{ messages: [{ role: 'function', name: 'f', content: 'x' }] }, 'messages[0].role', 'unsupported_value'],
  [{ messages: [{ role: 'user', content: 'x', name: 'Ann' }] }, 'messages[0].name', 'unsupported_parameter'],
  [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'messages[0].content[0].type', 'unsupported_value'],
  [
    { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://10.0.0.1/a.png' } }] }] },
    'messages[0].content[0].image_url.url',
    'unsupported_value',
  ],
  [{ response_format: { type: 'grammar' } }, 'response_format.type', 'unsupported_value'],
]

test('what cannot be honoured is refused by name', async () => {
  await using openai = await TestOpenAi.start()
  for (const [fields, param, code] of refused) {
    const asked = openai.client.chat.completions.create({ ...hello, ...fields })
    await assert.rejects(asked, { status: 400, type: 'invalid_request_error', param, code }, JSON.stringify(fields))
  }
  assert.deepEqual(openai.dispatcher.calls, [])
})

test('an option that the engine refuses keeps its OpenAI name', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', async function* () {
    yield* []
    throw new SomaError('model/unsupported', 'no tools', { details: { option: 'toolChoice' } })
  })
  await assert.rejects(openai.client.chat.completions.create(hello), { status: 422, param: 'tool_choice', code: 'model/unsupported' })
})
