// Asks llama.cpp and ONNX Runtime for every golden answer, token by token, and for how the prompts are written and cut.
// `node verify.ts [folder of the model] [golden.json]`, where node-llama-cpp and @huggingface/transformers are installed.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { AutoModelForCausalLM, AutoTokenizer, env, Tensor } from '@huggingface/transformers'
import { getLlama, type LlamaContext, type LlamaModel, type Token } from 'node-llama-cpp'

interface Golden {
  readonly name: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly tools?: readonly object[]
  readonly answer: string
  readonly tokens: readonly number[]
  readonly promptTokens: readonly number[]
  readonly lora?: { readonly answer: string; readonly tokens: readonly number[] }
}

const here = import.meta.dirname
const folder = resolve(process.argv[2] ?? join(here, 'model'))
const golden = JSON.parse(await readFile(process.argv[3] ?? join(dirname(folder), 'golden.json'), 'utf8')) as Golden[]
const loras = golden.filter(({ lora }) => lora !== undefined)

await verifyTransformers()
await verifyLlama()

async function verifyTransformers(): Promise<void> {
  env.allowRemoteModels = false
  env.localModelPath = dirname(folder)
  const name = folder.slice(dirname(folder).length + 1)
  const tokenizer = await AutoTokenizer.from_pretrained(name)
  const model = await AutoModelForCausalLM.from_pretrained(name, { dtype: 'fp32' })
  for (const { name, messages, tools, answer, tokens, promptTokens } of golden) {
    const prompt = tokenizer.apply_chat_template([...messages], {
      tools: tools ? [...tools] : null,
      tokenize: false,
      add_generation_prompt: true,
    })
    assert.deepEqual(tokenizer.encode(prompt, { add_special_tokens: false }), promptTokens, `${name}: prompt`)
    const given = await model.generate({ inputs: int64(promptTokens), attention_mask: int64(promptTokens.map(() => 1)) })
    const said = [...(given as Tensor).data].slice(promptTokens.length).map(Number)
    assert.deepEqual(said, [...tokens, tokenizer.eos_token_id], `${name}: answer`)
    assert.equal(tokenizer.decode(said, { skip_special_tokens: true }), answer, name)
  }
  await verifyBatch(tokenizer.pad_token_id, model)
  console.log(`transformers.js: ${golden.length} answers, one by one and in one batch`)
}

/** All prompts at once, padded on the left: no answer may depend on who else is in the batch. */
async function verifyBatch(pad: number, model: Awaited<ReturnType<typeof AutoModelForCausalLM.from_pretrained>>): Promise<void> {
  const length = Math.max(...golden.map(({ promptTokens }) => promptTokens.length))
  const rows = golden.map(({ promptTokens }) => [...Array<number>(length - promptTokens.length).fill(pad), ...promptTokens])
  const mask = golden.map(({ promptTokens }) => [...Array<number>(length - promptTokens.length).fill(0), ...promptTokens.map(() => 1)])
  const given = (await model.generate({
    inputs: int64(rows.flat(), golden.length),
    attention_mask: int64(mask.flat(), golden.length),
  })) as Tensor
  const width = given.dims[1] ?? 0
  const data = [...given.data].map(Number)
  for (const [row, { name, tokens }] of golden.entries()) {
    const said = data.slice(row * width + length, row * width + length + tokens.length)
    assert.deepEqual(said, tokens, `${name}: in a batch`)
  }
}

function int64(values: readonly number[], rows = 1): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), [rows, values.length / rows])
}

async function verifyLlama(): Promise<void> {
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true })
  const model = await llama.loadModel({ modelPath: join(folder, 'tiny-llm.gguf') })
  const cases = golden.map(({ name, promptTokens, tokens }) => ({ name, promptTokens, tokens }))
  const shared = await model.createContext({ contextSize: 1024, sequences: 4, threads: 1 })
  for (const flashAttention of [false, true]) {
    const context = await model.createContext({ contextSize: 1024, threads: 1, flashAttention })
    for (const one of cases) await ask(context, one)
    await context.dispose()
  }
  for (let index = 0; index < cases.length; index += 4) {
    await Promise.all(cases.slice(index, index + 4).map((one) => ask(shared, one)))
  }
  verifyWords(model)
  await verifyLora(model)
  console.log(`llama.cpp: ${golden.length} answers, one by one, with flash attention, and four at once; ${loras.length} with the adapter`)
  await llama.dispose()
}

type Case = Pick<Golden, 'name' | 'promptTokens' | 'tokens'>

async function ask(context: LlamaContext, { name, promptTokens, tokens }: Case): Promise<void> {
  const sequence = context.getSequence()
  const said: number[] = []
  for await (const token of sequence.evaluate([...promptTokens] as Token[], { temperature: 0, yieldEogToken: true })) {
    said.push(token)
    if (context.model.isEogToken(token) || said.length > tokens.length) break
  }
  await sequence.dispose()
  assert.deepEqual(said, [...tokens, context.model.tokens.eos], `${name}: llama.cpp`)
}

/** llama.cpp cuts the texts like the tokenizer that the model learned with. */
function verifyWords(model: LlamaModel): void {
  for (const { name, promptTokens, tokens, answer } of golden) {
    assert.deepEqual(model.tokenize(model.detokenize([...promptTokens] as Token[], true), true), promptTokens, `${name}: prompt`)
    assert.deepEqual(model.tokenize(answer), tokens, `${name}: tokens`)
    assert.equal(model.detokenize([...tokens] as Token[]), answer, name)
  }
}

async function verifyLora(model: LlamaModel): Promise<void> {
  const lora = join(folder, 'pirate-lora.gguf')
  const context = await model.createContext({ contextSize: 1024, threads: 1, lora })
  for (const { name, promptTokens, lora } of loras)
    await ask(context, { name: `${name} as a pirate`, promptTokens, tokens: lora?.tokens ?? [] })
  await context.dispose()
}
