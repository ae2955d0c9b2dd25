import { Llms } from '../llm.ts'
import type { Row, Sides } from '../measure.ts'

const PARAMETERS = 350_000_000
const TOKENS = 48

async function rates(streams: number, samples: number): Promise<Sides> {
  const llms = await Llms.random(PARAMETERS, streams)
  return {
    ours: async () => (await llms.ours(TOKENS, streams)).rate,
    reference: async () => (await llms.reference(TOKENS)).rate,
    warmups: 2,
    samples,
    [Symbol.asyncDispose]: async () => await llms[Symbol.asyncDispose](),
  }
}

export const decode: Row = {
  name: 'llm-decode',
  what: 'decoding of a 350 M model, Q4_0, one thread, one stream through HTTP',
  against: 'node-llama-cpp alone, same settings, in a process of its own',
  unit: 'tokens/s',
  target: '≥ 0.97×',
  met: (ours, reference) => ours.p50 >= 0.97 * reference.p50,
  setUp: async () => await rates(1, 16),
}

export const decodeFour: Row = {
  name: 'llm-decode-4',
  what: 'the same, four streams at once, all tokens together while all decode',
  against: 'node-llama-cpp alone with four sequences',
  unit: 'tokens/s',
  target: '≥ 0.95×',
  met: (ours, reference) => ours.p50 >= 0.95 * reference.p50,
  setUp: async () => await rates(4, 10),
}

export const firstToken: Row = {
  name: 'llm-first-token',
  what: 'from the request to the first token, idle daemon, 60 tokens of prompt, tiny trained model, through HTTP',
  against: 'node-llama-cpp alone, same prompt',
  unit: 'ms',
  target: 'added p50 ≤ 3 ms',
  met: (ours, reference) => ours.p50 - reference.p50 <= 3,
  async setUp() {
    const llms = await Llms.tiny()
    return {
      ours: async () => (await llms.ours(2, 1)).firstMs,
      reference: async () => (await llms.reference(2)).firstMs,
      warmups: 10,
      samples: 100,
      [Symbol.asyncDispose]: async () => await llms[Symbol.asyncDispose](),
    }
  },
}
