import assert from 'node:assert/strict'
import { test } from 'node:test'
import { behave } from '@soma/testkit/face'
import { TestOpenAi, saying } from './test-openai.ts'

test('a prompt is continued as it stands, whole and in pieces', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.generate', saying([{ text: ' day' }, { text: '!' }], 'length'))
  const whole = await openai.client.completions.create({ model: 'tiny', prompt: ['Good'], max_tokens: 2, seed: 1 })
  assert.match(whole.id, /^cmpl-call_/)
  assert.deepEqual(whole.choices, [{ index: 0, text: ' day!', logprobs: null, finish_reason: 'length' }])
  assert.deepEqual(openai.input, { model: 'tiny', prompt: 'Good', maxTokens: 2, seed: 1, priority: 'interactive' })
  const options = { stream: true as const, stream_options: { include_usage: true } }
  const pieces = await Array.fromAsync(await openai.client.completions.create({ model: 'tiny', prompt: 'Good', ...options }))
  assert.deepEqual(
    pieces.map(({ choices: [choice], usage }) => [choice?.text, choice?.finish_reason, usage?.total_tokens]),
    [
      [' day', null, undefined],
      ['!', null, undefined],
      ['', 'length', undefined],
      [undefined, undefined, 9],
    ],
  )
})

test('what a completion cannot honour is refused by name', async () => {
  await using openai = await TestOpenAi.start()
  for (const [fields, param] of [
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ prompt: [1, 2] }, 'prompt'],
    [{ best_of: 2 }, 'best_of'],
    [{ echo: true }, 'echo'],
    [{ suffix: 'end' }, 'suffix'],
  ] as const)
    await assert.rejects(openai.client.completions.create({ model: 'tiny', prompt: 'x', ...fields } as never), { status: 400, param })
})
