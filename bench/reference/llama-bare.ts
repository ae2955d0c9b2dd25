// node-llama-cpp with nothing around it: `<model> <sequences> <context>`; each line on stdin, `<tokens> <prompt>`, generates
// that many tokens on every sequence at once, greedily, and answers with when the first came and how fast the rest did.
import { createInterface } from 'node:readline'
import { type LlamaContextSequence, type Token, getLlama } from 'node-llama-cpp'
import { speedOf } from '../llm-speed.ts'

const [path = '', sequences = '1', contextSize = '1024'] = process.argv.slice(2)
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, maxThreads: 1 })
const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 })
const context = await model.createContext({ sequences: Number(sequences), contextSize: Number(contextSize), threads: 1, batchSize: 512 })
const all = Array.from({ length: Number(sequences) }, () => context.getSequence())

/** @returns when its tokens came. */
async function generate(sequence: LlamaContextSequence, tokens: Token[], count: number): Promise<number[]> {
  await sequence.clearHistory()
  const times: number[] = []
  for await (const token of sequence.evaluate(tokens, { temperature: 0 })) {
    model.detokenize([token])
    times.push(performance.now())
    if (times.length === count) break
  }
  return times
}

process.stdout.write('ready\n')
for await (const line of createInterface({ input: process.stdin })) {
  const [, count = '', prompt = ''] = /^(\d+) (.*)$/.exec(line) ?? []
  const tokens = model.tokenize(prompt)
  const began = performance.now()
  const times = await Promise.all(all.map(async (sequence) => await generate(sequence, tokens, Number(count))))
  process.stdout.write(`${JSON.stringify(speedOf(began, times))}\n`)
}
