import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import type OpenAI from 'openai'
import { type Recorded, callOf, recorded, tinyLlmFolder } from '@soma/testkit/tiny-llm'
import { type DaemonWithModel, startDaemon } from './test-daemon.ts'

type Message = OpenAI.Chat.ChatCompletionMessageParam
type Tool = OpenAI.Chat.ChatCompletionTool

async function startTiny(t: TestContext): Promise<DaemonWithModel> {
  return await startDaemon(t, { model: 'tiny', files: { 'tiny-llm.gguf': await readFile(new URL('model/tiny-llm.gguf', tinyLlmFolder)) } })
}

/** The recorded messages have calls without ids, and arguments as objects. */
function messagesOf({ messages }: Recorded): Message[] {
  return messages.map(({ role, content, tool_calls: calls }): Message => {
    if (role === 'tool') return { role, content, tool_call_id: 'c0' }
    const asked = calls?.map(({ function: { name, arguments: args } }, index) => ({
      id: `c${index}`,
      type: 'function' as const,
      function: { name, arguments: JSON.stringify(args) },
    }))
    return { role, content, ...(asked && { tool_calls: asked }) }
  })
}

/** Fails unless the client gets what the model is known to say, to the letter. */
async function assertGolden(client: OpenAI, example: Recorded): Promise<void> {
  const params = {
    model: 'tiny',
    messages: messagesOf(example),
    temperature: 0,
    ...(example.tools && { tools: [...example.tools] as Tool[] }),
  }
  const { choices, usage } = await client.chat.completions.create(params)
  const message = choices[0]?.message
  const call = callOf(example)
  const asked = message?.tool_calls?.map((toolCall) => (toolCall.type === 'function' ? toolCall.function : undefined))
  if (call === undefined) assert.equal(message?.content, example.answer, example.name)
  else {
    const { name, arguments: args } = call
    assert.deepEqual(
      asked?.map((made) => [made?.name, JSON.parse(made?.arguments ?? '')]),
      [[name, args]],
      example.name,
    )
  }
  assert.equal(choices[0]?.finish_reason, call === undefined ? 'stop' : 'tool_calls', example.name)
  assert.equal(usage?.prompt_tokens, example.promptTokens.length, example.name)
}

test('a trained model says through the OpenAI face exactly what it is known to say', async (t) => {
  const { client } = await startTiny(t)
  for (const example of recorded) await assertGolden(client, example)
  const stream = client.chat.completions.stream({
    model: 'tiny',
    messages: [{ role: 'user', content: 'What is Soma?' }],
    temperature: 0,
    stream_options: { include_usage: true },
  })
  const { choices, usage } = await stream.finalChatCompletion()
  assert.equal(choices[0]?.message.content, 'Soma is an operating system for models and agents.')
  assert.ok((usage?.completion_tokens ?? 0) > 5)
})

test('an answer is held to a schema, ends at a stop text, and a prompt over the context is refused', async (t) => {
  const { client } = await startTiny(t)
  const ask = (content: string, more: Partial<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming> = {}) =>
    client.chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content }], temperature: 0, ...more })
  const schema = {
    type: 'object',
    properties: { name: { type: 'string' }, born: { type: 'integer' } },
    required: ['name', 'born'],
    additionalProperties: false,
  }
  const held = await ask('Describe Ada Lovelace as JSON with name, born and languages.', {
    response_format: { type: 'json_schema', json_schema: { name: 'person', schema, strict: true } },
  })
  const person = JSON.parse(held.choices[0]?.message.content ?? '') as Record<string, unknown>
  assert.deepEqual([Object.keys(person), typeof person['name'], Number.isInteger(person['born'])], [['name', 'born'], 'string', true])
  const stopped = await ask('Count from 1 to 30.', { stop: [', 5'] })
  assert.deepEqual([stopped.choices[0]?.message.content, stopped.choices[0]?.finish_reason], ['1, 2, 3, 4', 'stop'])
  await assert.rejects(ask('word '.repeat(20_000)), { status: 400, code: 'context_length_exceeded', param: 'messages' })
})

test('one Soma asks another through the remote engine, and hears the same words', async (t) => {
  const far = await startTiny(t)
  const endpoint = { api: 'openai', url: `${far.address}/openai/v1`, model: 'tiny' }
  const near = await startDaemon(t, {
    model: 'tiny',
    files: { 'endpoint.json': JSON.stringify(endpoint) },
    engines: { remote: 'local', remoteKeys: [`${far.address}=FAR_TOKEN`] },
    env: { FAR_TOKEN: far.token },
  })
  for (const example of recorded.filter(({ name }) => /greeting|unicode|code|tool/.test(name))) await assertGolden(near.client, example)
})
