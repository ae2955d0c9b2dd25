import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSeededRng } from '@soma/core'
import fc from 'fast-check'
import { Detokeniser } from './detokenise.ts'
import { type Sampling, isGreedy, sample, samplingOf } from './sample.ts'
import { StopText } from './stop-text.ts'
import type { Tokens } from './tokens.ts'
import { ToolText } from './tool-text.ts'

/** As many pieces as a text is cut into at these places. */
function cut(text: string, places: readonly number[]): string[] {
  const ends = [...new Set(places.map((place) => place % (text.length + 1))), text.length].sort((a, b) => a - b)
  return ends.map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end))
}

describe('stop texts', () => {
  it('end a text where the first of them begins, however it comes in pieces', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 3 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })
    fc.assert(
      fc.property(text, fc.array(word, { maxLength: 3 }), fc.array(fc.nat(), { maxLength: 8 }), (text, stops, places) => {
        const stop = new StopText(stops)
        let given = ''
        for (const piece of cut(text, places)) if (!stop.stopped) given += stop.add(piece)
        if (!stop.stopped) given += stop.end()
        // What ends first counts: a longer one that began earlier is not waited for.
        const ends = stops.flatMap((word) => (text.includes(word) ? [text.indexOf(word) + word.length] : []))
        if (ends.length === 0) assert.equal(given, text)
        else assert.ok(stops.some((word) => text.startsWith(given + word)) && stops.every((word) => !given.includes(word)))
      }),
    )
  })
})

describe('requests for tools', () => {
  const read = (text: string, places: readonly number[]) => {
    const tools = new ToolText([{ name: 'weather' }], createSeededRng(1))
    const events = [...cut(text, places).flatMap((piece) => [...tools.add(piece)]), ...tools.end()]
    const calls = events.flatMap(({ toolCall }) => (toolCall ? [[toolCall.name, toolCall.arguments]] : []))
    return { text: events.map((event) => event.text).join(''), calls, called: tools.called }
  }

  it('are taken out of the text, however it comes in pieces', () => {
    const one = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    const expected = { text: 'I <b>look</b>. ; done <tool_', calls: [1, 2].map(() => ['weather', '{"city":"Paris"}']), called: true }
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (places) =>
        assert.deepEqual(read(`I <b>look</b>. ${one};${one} done <tool_`, places), expected),
      ),
    )
  })

  it('are text when they are none: of unknown names, no JSON, without an end', () => {
    for (const text of [
      '<tool_call>{"name": "other", "arguments": {}}</tool_call>',
      '<tool_call>weather</tool_call>',
      '<tool_call>{"name": "weather", "arguments": 1}</tool_call>',
      '<tool_call>{"name": "weather"',
    ])
      assert.deepEqual(read(text, [5, 20]), { text, calls: [], called: false })
  })
})

/** A tokenizer whose tokens are the bytes of UTF-8, so that a character takes several. */
const bytes = { decode: (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids)) } as Tokens

describe('text of tokens as they come', () => {
  it('is the text of all of them, and no piece has half a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        const detokeniser = new Detokeniser(bytes)
        const pieces = [...new TextEncoder().encode(text)].map((id) => detokeniser.add(id))
        assert.equal(pieces.join('') + detokeniser.end(), text)
        assert.ok(pieces.every((piece) => !piece.includes('\ufffd')))
      }),
    )
  })

  it('holds what never becomes a character back to the end', () => {
    const detokeniser = new Detokeniser(bytes)
    assert.equal(detokeniser.add(0x41), 'A')
    assert.equal(detokeniser.add(0xc3), '')
    assert.equal(detokeniser.end(), '\ufffd')
  })
})

const plain: Sampling = { temperature: 1, topP: 1, topK: 0, minP: 0, presencePenalty: 0, frequencyPenalty: 0 }
const logits = [Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05)]

/** How often each token is drawn, of 2000. */
function drawn(sampling: Partial<Sampling>, counts = new Map<number, number>()): number[] {
  const rng = createSeededRng(1)
  const times = logits.map(() => 0)
  for (let draw = 0; draw < 2000; draw++) {
    const id = sample(logits, { ...plain, ...sampling }, counts, rng)
    times[id] = (times[id] ?? 0) + 1
  }
  return times.map((count) => count / 2000)
}

const close = (actual: readonly number[], expected: readonly number[]): void => {
  for (const [index, share] of expected.entries())
    assert.ok(Math.abs((actual[index] ?? 0) - share) < 0.04, `${actual.join()} instead of ${expected.join()}`)
}

describe('drawing a token', () => {
  it('follows what the model thinks likely, the colder the more', () => {
    close(drawn({}), [0.5, 0.3, 0.15, 0.05])
    close(drawn({ temperature: 0.5 }), [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365])
    assert.deepEqual(drawn({ temperature: 0 }), [1, 0, 0, 0])
  })

  it('leaves out what is too unlikely', () => {
    close(drawn({ topK: 2 }), [0.625, 0.375, 0, 0])
    close(drawn({ topP: 0.6 }), [0.625, 0.375, 0, 0])
    assert.deepEqual(drawn({ topP: 0.5 }), [1, 0, 0, 0])
    close(drawn({ minP: 0.29 }), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0])
    close(drawn({ minP: 0.29, topK: 3, topP: 0.8 }), [0.625, 0.375, 0, 0])
  })

  it('turns from what is there already, once or each time', () => {
    close(drawn({ presencePenalty: 2 }, new Map([[0, 9]])), [0.119, 0.529, 0.264, 0.088])
    assert.deepEqual(drawn({ temperature: 0, frequencyPenalty: 0.3 }, new Map([[0, 2]])), [0, 1, 0, 0])
  })

  it('never draws what cannot be, and always draws something', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.float({ min: -50, max: 50, noNaN: true }), fc.constant(-Infinity)), { minLength: 1, maxLength: 20 }),
        fc.record({
          temperature: fc.double({ min: 0.01, max: 2, noNaN: true }),
          topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
          topK: fc.nat(5),
          minP: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.nat(),
        (logits, sampling, seed) => {
          fc.pre(logits.some((logit) => logit > -Infinity))
          const id = sample(logits, { ...plain, ...sampling }, new Map(), createSeededRng(seed))
          assert.ok((logits[id] ?? -Infinity) > -Infinity)
        },
      ),
    )
  })

  it('takes what the request says, then the model, then the likeliest', () => {
    const own = { do_sample: true, temperature: 0.7, top_p: 0.9, top_k: 20 }
    assert.deepEqual(samplingOf({ prompt: '', topK: 5 }, own), { ...plain, temperature: 0.7, topP: 0.9, topK: 5 })
    assert.ok(isGreedy(samplingOf({ prompt: '' }, { temperature: 0.7 })))
    assert.ok(!isGreedy(samplingOf({ prompt: '', presencePenalty: 1 }, {})))
  })
})
