import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import type { GenerateRequest } from '@soma/spec'
import { ctx, withModel } from './test-engine.ts'
import { countingModel } from './test-models.ts'

const template =
  "{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ message.content }} {% endfor %}"
const after = (pieces: readonly string[]): string => pieces.join('').trim()

describe('generation', () => {
  it('gives the text piece by piece, and why it ended', async () => {
    await withModel(countingModel(), async ({ model, generate }) => {
      const { text, pieces, result } = await generate({ prompt: 'one two' })
      assert.equal(text.trim(), 'three four five six seven eight')
      assert.equal(pieces.length, 6)
      assert.deepEqual(result, { finish: 'stop', usage: { promptTokens: 2, cachedTokens: 0, generatedTokens: 6 } })
      assert.equal(model.contextLength, 64)
    })
  })

  it('ends after so many tokens, and when the context is full', async () => {
    await withModel(countingModel({ contextLength: 6 }), async ({ generate }) => {
      const short = await generate({ prompt: 'one', maxTokens: 2 })
      assert.deepEqual([short.text.trim(), short.result.finish, short.result.usage.generatedTokens], ['two three', 'length', 2])
      const full = await generate({ prompt: 'chaos chaos' })
      assert.deepEqual([full.result.finish, full.result.usage.generatedTokens], ['length', 4])
    })
  })

  it('ends where a stop text would begin, though it came in two pieces', async () => {
    await withModel(countingModel(), async ({ generate }) => {
      for (const [stop, expected] of [
        [['four'], 'three'],
        [['ur fi'], 'three fo'],
        [['never', 'eight'], 'three four five six seven'],
        [['eightx', 'nine'], 'three four five six seven eight'],
      ] as const) {
        const { text, result } = await generate({ prompt: 'two', stop: [...stop] })
        assert.equal(text.trim(), expected)
        assert.equal(result.finish, 'stop')
      }
    })
  })

  it('puts messages through the chat template, and refuses what the template does', async () => {
    await withModel(countingModel({ template }), async ({ generate }) => {
      const { text, result } = await generate({ messages: [{ role: 'user', content: 'six' }] })
      assert.deepEqual([text.trim(), result.usage.promptTokens], ['seven eight', 1])
      await refused(generate({ messages: [{ role: 'system', content: 'one' }] }), 'messages', /no system/)
    })
    await withModel(countingModel(), async ({ generate }) => {
      await refused(generate({ messages: [{ role: 'user', content: 'six' }] }), 'messages', /no chat template; send a prompt/)
    })
  })

  it('takes the chat template from a file of its own', async () => {
    const fixture = countingModel()
    await withModel({ ...fixture, files: { ...fixture.files, 'chat_template.jinja': template } }, async ({ generate }) => {
      assert.equal((await generate({ messages: [{ role: 'user', content: 'seven' }] })).text.trim(), 'eight')
    })
  })

  it('refuses by name what it cannot honour', async () => {
    await withModel(countingModel({ template }), async ({ generate }) => {
      const prompt = 'one'
      const user = { role: 'user' as const, content: 'one' }
      await refused(generate({ prompt, format: { type: 'json' } }), 'format', /llama engine/)
      await refused(generate({ prompt, tools: [{ name: 'f' }] }), 'tools')
      await refused(generate({ messages: [{ ...user, images: [Uint8Array.of(1)] }] }), 'images')
      await refused(generate({ messages: [user], tools: [{ name: 'f' }] }), 'tools', /chat template does not tell/)
      assert.equal((await generate({ prompt: 'seven', tools: [{ name: 'f' }], toolChoice: 'none' })).text.trim(), 'eight')
    })
  })

  it('refuses a prompt that fills the context, or cuts its beginning, as asked', async () => {
    await withModel(countingModel({ contextLength: 8 }), async ({ generate }) => {
      const prompt = 'chaos chaos one two three four five six'
      await assert.rejects(generate({ prompt }), (error) => {
        assert.ok(isSomaError(error, 'model/context-overflow'))
        assert.deepEqual(error.details, { promptTokens: 8, contextLength: 8 })
        return true
      })
      const { text, result } = await generate({ prompt, overflow: 'truncate' })
      assert.deepEqual([text.trim(), result.usage.promptTokens, result.truncated], ['seven eight', 6, { droppedTokens: 2 }])
    })
  })

  it('draws the same tokens for the same seed, and others for others', async () => {
    await withModel(countingModel(), async ({ generate }) => {
      const flips = async (seed: number): Promise<string> => (await generate({ prompt: 'chaos', temperature: 1, seed, maxTokens: 30 })).text
      const [first, again, other] = [await flips(1), await flips(1), await flips(2)]
      assert.equal(first, again)
      assert.notEqual(first, other)
      assert.match(first, /heads/)
      assert.match(first, /tails/)
    })
  })

  it("takes the model's own sampling where the request says nothing, and the likeliest at temperature 0", async () => {
    await withModel(countingModel({ generation: { do_sample: true, temperature: 1, eos_token_id: 1 } }), async ({ generate }) => {
      const drawn = (await generate({ prompt: 'chaos', maxTokens: 30 })).text
      assert.match(drawn, /heads.*tails|tails.*heads/)
      assert.equal((await generate({ prompt: 'chaos', maxTokens: 3, temperature: 0 })).text.trim(), 'heads heads heads')
    })
  })

  it('turns from tokens that were there already, when they are penalised', async () => {
    await withModel(countingModel(), async ({ generate }) => {
      const penalised = async (request: Partial<GenerateRequest>): Promise<string> =>
        (await generate({ prompt: 'chaos', maxTokens: 4, ...request })).text.trim()
      assert.equal(await penalised({}), 'heads heads heads heads')
      assert.equal(await penalised({ frequencyPenalty: 1 }), 'heads tails heads tails')
      assert.equal(await penalised({ repeatPenalty: 2 }), 'heads tails heads heads')
    })
  })

  it('lets an answer go that nobody reads on, for the next one', async () => {
    await withModel(countingModel(), async ({ model, generate }) => {
      const stream = model.generate!({ prompt: 'chaos' }, ctx)
      const pieces = [await stream.next(), await stream.next()].map(({ value }) => (value as { text: string }).text)
      assert.equal(after(pieces), 'heads heads')
      // The next answer waits for this one, which is let go half-way.
      const next = generate({ prompt: 'seven' })
      await stream.return(undefined as never)
      assert.equal((await next).text.trim(), 'eight')
    })
  })

  it('ends between two tokens when cancelled, and the next call works', async () => {
    await withModel(countingModel(), async ({ model, generate }) => {
      const cancel = new AbortController()
      const stream = model.generate!({ prompt: 'chaos' }, { ...ctx, signal: cancel.signal })
      await stream.next()
      cancel.abort()
      await assert.rejects(stream.next(), (error) => isSomaError(error, 'call/cancelled'))
      assert.equal((await generate({ prompt: 'seven' })).text.trim(), 'eight')
    })
  })
})

async function refused(work: Promise<unknown>, option: string, message = /./): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isSomaError(error, 'model/unsupported'), String(error))
    assert.equal(error.details['option'], option)
    assert.match(error.message, message)
    return true
  })
}
