// What the model of `tools/tiny-llm` is known to answer, to the letter, in whatever format it is run.
import { readFileSync } from 'node:fs'
import type { ChatMessage, GenerateRequest, Tool } from '@soma/spec'
import type { GoldenAnswer } from './engine/index.ts'

/** The folder with the model and what it was recorded to say. */
export const tinyLlmFolder = new URL('../../../tools/tiny-llm/', import.meta.url)
/** The files of its ONNX form, below `model/`. */
export const tinyOnnxFiles = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']

export interface RecordedCall {
  readonly function: { readonly name: string; readonly arguments: unknown }
}

/** One conversation of `golden.json`, and the likeliest tokens after it. */
export interface Recorded {
  readonly name: string
  readonly messages: ReadonlyArray<{
    readonly role: ChatMessage['role']
    readonly content: string
    readonly tool_calls?: readonly RecordedCall[]
  }>
  readonly tools?: ReadonlyArray<{ readonly type: 'function'; readonly function: Tool }>
  /** As the model writes it: a call of a function is text, too. */
  readonly answer: string
  readonly tokens: readonly number[]
  readonly promptTokens: readonly number[]
  /** With the adapter that makes it talk like a pirate. */
  readonly lora?: { readonly answer: string; readonly tokens: readonly number[] }
}

export const recorded = JSON.parse(readFileSync(new URL('golden.json', tinyLlmFolder), 'utf8')) as readonly Recorded[]

export function recordedAs(name: string): Recorded {
  const found = recorded.find((one) => one.name === name)
  if (!found) throw new Error(`golden.json has no ${name}`)
  return found
}

/** The function that an answer asks for; undefined when it is a text. */
export function callOf({ answer }: Pick<Recorded, 'answer'>): RecordedCall['function'] | undefined {
  const [, call] = /^<tool_call>(.*)<\/tool_call>$/s.exec(answer) ?? []
  return call === undefined ? undefined : (JSON.parse(call) as RecordedCall['function'])
}

export function goldenRequest({ messages, tools }: Recorded): GenerateRequest & { readonly temperature: 0 } {
  return {
    temperature: 0,
    messages: messages.map(({ role, content, tool_calls: calls }) => ({
      role,
      content,
      ...(calls && { toolCalls: calls.map(({ function: asked }, index) => toolCall(asked, index)) }),
    })),
    ...(tools && { tools: tools.map(({ function: tool }) => tool) }),
  }
}

function toolCall({ name, arguments: args }: RecordedCall['function'], index: number) {
  return { id: `call-${index}`, name, arguments: JSON.stringify(args) }
}

export function goldenAnswer(one: Recorded): GoldenAnswer {
  const call = callOf(one)
  return {
    request: goldenRequest(one),
    text: call === undefined ? one.answer : '',
    finish: call === undefined ? 'stop' : 'tool-calls',
    promptTokens: one.promptTokens.length,
    generatedTokens: one.tokens.length,
    ...(call !== undefined && { toolCalls: [call] }),
  }
}
