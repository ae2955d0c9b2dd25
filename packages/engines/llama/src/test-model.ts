import { readFileSync } from 'node:fs'
import type { ChatMessage, GenerateRequest, Tool } from '@soma/spec'
import type { GoldenAnswer, ModelFixture } from '@soma/testkit/engine'

const folder = new URL('../../../../tools/tiny-llm/', import.meta.url)

/** The tiny trained model of `tools/tiny-llm`. */
export const tinyModel: ModelFixture = {
  files: { 'tiny-llm.gguf': new URL('model/tiny-llm.gguf', folder) },
  roles: { model: 'tiny-llm.gguf' },
  format: 'gguf',
  task: 'text-generation',
}

/** The same with an adapter that makes it talk like a pirate. */
export const pirateModel: ModelFixture = {
  ...tinyModel,
  files: { ...tinyModel.files, 'pirate-lora.gguf': new URL('model/pirate-lora.gguf', folder) },
  settings: { lora: ['pirate-lora.gguf'] },
}

interface Golden {
  readonly name: string
  readonly messages: ReadonlyArray<{
    readonly role: ChatMessage['role']
    readonly content: string
    readonly tool_calls?: readonly GoldenCall[]
  }>
  readonly tools?: ReadonlyArray<{ readonly function: Tool }>
  readonly answer: string
  readonly tokens: readonly number[]
  readonly promptTokens: readonly number[]
  readonly lora?: { readonly answer: string; readonly tokens: readonly number[] }
}

interface GoldenCall {
  readonly function: { readonly name: string; readonly arguments: unknown }
}

const golden = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as readonly Golden[]
const CALL = /^<tool_call>(.*)<\/tool_call>$/s

/** What the model answers to the letter when it takes the likeliest token each time. */
export const goldenAnswers: readonly GoldenAnswer[] = golden.map((example) => {
  const [, call] = CALL.exec(example.answer) ?? []
  return {
    request: requestOf(example),
    text: call === undefined ? example.answer : '',
    finish: call === undefined ? 'stop' : 'tool-calls',
    promptTokens: example.promptTokens.length,
    generatedTokens: example.tokens.length,
    ...(call !== undefined && { toolCalls: [JSON.parse(call) as { name: string; arguments: unknown }] }),
  }
})

export function goldenAnswer(name: string): GoldenAnswer {
  const answer = goldenAnswers[golden.findIndex((example) => example.name === name)]
  if (!answer) throw new Error(`there is no golden answer ${name}`)
  return answer
}

export const goldenPirateAnswers: readonly GoldenAnswer[] = golden.flatMap((example) =>
  example.lora ? [{ request: requestOf(example), text: example.lora.answer, generatedTokens: example.lora.tokens.length }] : [],
)

function requestOf({ messages, tools }: Golden): GenerateRequest {
  return {
    temperature: 0,
    messages: messages.map(({ role, content, tool_calls: calls }) => ({
      role,
      content,
      ...(calls && {
        toolCalls: calls.map(({ function: { name, arguments: args } }, index) => ({
          id: `call-${index}`,
          name,
          arguments: JSON.stringify(args),
        })),
      }),
    })),
    ...(tools && { tools: tools.map((tool) => tool.function) }),
  }
}
