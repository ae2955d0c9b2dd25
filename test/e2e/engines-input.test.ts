// What is asked wrongly of a model: an option that nobody has, and more than a context holds. Nothing is dropped in silence.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import OpenAI, { type APIError } from 'openai'
import type { CallInput } from '@soma/spec'
import { refusalOf, refused, soma as run } from './attack.ts'
import { EnginesWorld, golden, tinyGguf } from './engines-world.ts'

/** Over the tiny model's 1,024 tokens, and not by little. */
const long = 'word '.repeat(3000)
const hello = golden('greeting')

describe('a request to a language model', () => {
  let world: EnginesWorld
  let openai: OpenAI
  before(async () => {
    world = await EnginesWorld.start()
    await world.install('tiny', tinyGguf)
    await world.tinyOnnx('tiny-onnx')
    const { token } = await world.soma.capability.issue({ grants: [{ resource: 'model/*', rights: ['list', 'read', 'invoke'] }] })
    openai = new OpenAI({ apiKey: token, baseURL: `${world.daemon.url}/openai/v1`, maxRetries: 0 })
  })
  after(async () => await world?.[Symbol.asyncDispose]())

  for (const model of ['tiny', 'tiny-onnx'])
    describe(`that is over the context of ${model}`, () => {
      test('is refused with both lengths, whether prompt or conversation', async () => {
        for (const request of [{ prompt: long }, { messages: [{ role: 'user' as const, content: long }] }]) {
          const { details } = await refused(world.ask(model, request), 'model/context-overflow', /\b1024\b/)
          assert.equal(details['contextLength'], 1024)
          assert.ok(Number(details['promptTokens']) > 3000)
        }
      })

      test('is cut where that is allowed, and the answer says by how many tokens', async () => {
        const { promptTokens } = (await refusalOf(world.ask(model, { prompt: long }))).details
        const { truncated, usage, finish } = await world.ask(model, { prompt: long, overflow: 'truncate', maxTokens: 3 })
        assert.equal(truncated?.droppedTokens, Number(promptTokens) - usage.promptTokens)
        assert.deepEqual([usage.generatedTokens, finish], [3, 'length'])
        const fits = await world.exact(model, 'greeting', { overflow: 'truncate' })
        assert.equal(fits.truncated, undefined)
      })

      test('ends at the end of the context, and says so', async () => {
        const { finish, usage } = await world.ask(model, { prompt: 'word '.repeat(505), temperature: 0 })
        assert.deepEqual([finish, usage.promptTokens + usage.generatedTokens], ['length', 1024])
      })
    })

  test('leaves out the oldest of a conversation, and answers the last question to the letter', async () => {
    const messages = [
      { role: 'user' as const, content: long },
      { role: 'assistant' as const, content: 'So many.' },
      ...hello.request.messages,
    ]
    await refused(world.ask('tiny', { messages, temperature: 0 }), 'model/context-overflow')
    const { text, truncated } = await world.ask('tiny', { messages, temperature: 0, overflow: 'truncate' })
    assert.equal(text, hello.answer)
    assert.ok(Number(truncated?.droppedTokens) > 3000)
  })

  test('that is over the context fails on the command line, or says beside the answer what was left out', async () => {
    const failed = await run(world.home, 'run', 'tiny', long)
    assert.deepEqual([failed.code, failed.stdout], [65, ''])
    assert.match(failed.stderr, /the prompt has \d+ tokens, and the context 1024.*\n code: model\/context-overflow/)
    const cut = await run(world.home, 'run', 'tiny', long, '--overflow', 'truncate', '--max-tokens', '2')
    assert.equal(cut.code, 0, cut.stderr)
    assert.match(cut.stderr, /The first [\d,]+ tokens of the prompt did not fit and were left out\.\nCut off:/)
    const json = await run(world.home, 'run', 'tiny', long, '--overflow', 'truncate', '--max-tokens', '2', '--json')
    assert.ok((JSON.parse(json.stdout) as { truncated: { droppedTokens: number } }).truncated.droppedTokens > 3000)
  })

  test('that is over the context is refused by the OpenAI face in OpenAI’s words, streamed or not', async () => {
    const params = { model: 'tiny', messages: [{ role: 'user' as const, content: long }] }
    const expected = { status: 400, code: 'context_length_exceeded', param: 'messages' }
    await assert.rejects(openai.chat.completions.create(params), expected)
    await assert.rejects(openai.chat.completions.create({ ...params, stream: true }), expected)
    await assert.rejects(openai.completions.create({ model: 'tiny', prompt: long }), { status: 400, code: 'context_length_exceeded' })
    const { choices } = await openai.completions.create({ model: 'tiny', prompt: 'word '.repeat(505), temperature: 0 })
    assert.equal(choices[0]?.finish_reason, 'length')
  })

  test('to the OpenAI face with a field that cannot be honoured is refused by that name', async () => {
    const ask = (more: object) =>
      openai.chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: 'Hello!' }], ...more })
    const fields: Readonly<Record<string, object>> = {
      overflow: { overflow: 'truncate' },
      truncation: { truncation: 'auto' },
      'logit_bias.50256': { logit_bias: { 50256: -100 } },
      n: { n: 2 },
      logprobs: { logprobs: true },
      audio: { audio: { voice: 'alloy', format: 'wav' } },
      service_tier: { service_tier: 'flex' },
      temperature: { temperature: 3 },
      'response_format.type': { response_format: { type: 'xml' } },
    }
    for (const [param, field] of Object.entries(fields)) await assert.rejects(ask(field), { status: 400, param }, param)
    await assert.rejects(openai.chat.completions.create({ model: 'none', messages: [{ role: 'user', content: 'x' }] }), {
      status: 404,
      code: 'model_not_found',
    })
    const picture = { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${Buffer.from('\x89PNG').toString('base64')}` } }
    await assert.rejects(ask({ messages: [{ role: 'user', content: [picture] }] }), (error: APIError) => {
      assert.ok(error.status !== undefined && error.status < 500, `${error.status}`)
      assert.match(error.message, /image/)
      return true
    })
  })

  test('with an option that the engine cannot honour is refused by that name', async () => {
    const messages = [{ role: 'user' as const, content: 'x' }]
    const cases: ReadonlyArray<readonly [model: string, request: Omit<CallInput<'model.generate'>, 'model'>, name: string]> = [
      ['tiny', { messages: [{ role: 'user', content: 'x', images: [new Uint8Array(8)] }] }, 'images'],
      ['tiny', { prompt: 'x', tools: [{ name: 'f' }] }, 'tools'],
      ['tiny', { messages, tools: [{ name: 'f' }], format: { type: 'json' } }, 'format'],
      ['tiny-onnx', { messages, format: { type: 'json' } }, 'format'],
      ['tiny-onnx', { messages, tools: [{ name: 'f' }], toolChoice: 'required' }, 'toolChoice'],
    ]
    for (const [model, request, name] of cases) {
      const { details } = await refused(world.ask(model, request), 'model/unsupported', new RegExp(`^"?${name}"?: `))
      assert.equal(details['option'], name)
    }
    const grammar = { type: 'grammar', grammar: 'root ::= (' } as const
    assert.match((await refusalOf(world.ask('tiny', { messages, format: grammar }))).message, /grammar/)
    await world.exact('tiny', 'greeting')
  })

  test('with a field that no call has, or a value that none takes, is refused by the field’s name', async () => {
    const cases: ReadonlyArray<readonly [request: object, name: RegExp]> = [
      [{ prompt: 'x', maxToken: 1 }, /maxToken/],
      [{ prompt: 'x', temperature: 3 }, /temperature/],
      [{ prompt: 'x', maxTokens: 0 }, /maxTokens/],
      [{ prompt: 'x', overflow: 'wrap' }, /overflow/],
      [{ prompt: 'x', priority: 'urgent' }, /priority/],
      [{ prompt: 'x', deadlineMs: -1 }, /deadlineMs/],
      [{ prompt: 'x', messages: [{ role: 'user', content: 'x' }] }, /either prompt or messages/],
      [{}, /either prompt or messages/],
    ]
    for (const [request, name] of cases) await refused(world.ask('tiny', request), 'call/invalid-input', name)
  })

  test('model.configure refuses what the engine has no setting for, or does not take so', async () => {
    const configure = (input: Omit<CallInput<'model.configure'>, 'model'>) => world.soma.model.configure({ model: 'tiny', ...input })
    const { details } = await refused(configure({ settings: { contextlength: 512 } }), 'config/invalid', /no setting "contextlength"/)
    assert.ok((details['settings'] as string[]).includes('contextLength'))
    await refused(configure({ settings: { contextLength: '512' } }), 'config/invalid', /type integer as its setting "contextLength"/)
    await refused(configure({ settings: { kvCacheType: 'q9' } }), 'config/invalid', /one of f32, .*"kvCacheType"/)
    await refused(configure({ engine: 'nonsense' }), 'engine/not-found', /there are echo, /)
    const { code, stderr } = await run(world.home, 'model', 'configure', 'tiny', 'contextlength=512')
    assert.equal(code, 78)
    assert.match(stderr, /no setting "contextlength"; it has use, contextLength/)
    await world.exact('tiny', 'greeting')
  })
})
