import { readFileSync } from 'node:fs'
import type { ChatMessage, GenerateRequest, Tool } from '@soma/spec'
import { type GoldenAnswer, engineCompliance } from '@soma/testkit/engine'
import { descriptor } from './index.ts'

/** The ONNX form of the trained model whose answers are known to the letter; llama runs its GGUF. */
const folder = new URL('../../../../tools/tiny-llm/', import.meta.url)

interface Call {
  readonly function: { readonly name: string; readonly arguments: unknown }
}

interface Golden {
  readonly name: string
  readonly messages: ReadonlyArray<{
    readonly role: ChatMessage['role']
    readonly content: string
    readonly tool_calls?: readonly Call[]
  }>
  readonly tools?: ReadonlyArray<{ readonly function: Tool }>
  readonly answer: string
  readonly tokens: readonly number[]
  readonly promptTokens: readonly number[]
}

const golden = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as readonly Golden[]

function requestOf({ messages, tools }: Golden): GenerateRequest {
  return {
    temperature: 0,
    messages: messages.map(({ role, content, tool_calls: calls = [] }) => ({
      role,
      content,
      ...(calls.length > 0 && {
        toolCalls: calls.map(({ function: { name, arguments: wanted } }, index) => ({
          id: `c${index}`,
          name,
          arguments: JSON.stringify(wanted),
        })),
      }),
    })),
    ...(tools && { tools: tools.map(({ function: tool }) => tool) }),
  }
}

const answers = golden.map((example): GoldenAnswer => {
  const [, call] = /^<tool_call>(.*)<\/tool_call>$/s.exec(example.answer) ?? []
  return {
    request: requestOf(example),
    text: call === undefined ? example.answer : '',
    finish: call === undefined ? 'stop' : 'tool-calls',
    promptTokens: example.promptTokens.length,
    generatedTokens: example.tokens.length,
    ...(call !== undefined && { toolCalls: [JSON.parse(call) as { name: string; arguments: unknown }] }),
  }
})

function named(name: string): GenerateRequest {
  const found = golden.find((answer) => answer.name === name)
  if (!found) throw new Error(`golden.json has no ${name}`)
  return requestOf(found)
}

const paths = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']

engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: {
    format: 'onnx',
    task: 'text-generation',
    roles: { model: 'onnx/model.onnx', tokenizer: 'tokenizer.json' },
    files: Object.fromEntries(paths.map((path) => [path, new URL(`model/${path}`, folder)])),
  },
  generate: {
    long: named('count-30'),
    answers,
    tooLong: { temperature: 0, messages: [{ role: 'user', content: 'Is water wet? '.repeat(400) }] },
    cannot: [
      { name: 'images', request: { messages: [{ role: 'user', content: 'What is this?', images: [new Uint8Array(4)] }] } },
      { name: 'tools', request: { prompt: 'Hello', tools: [{ name: 'help' }] } },
      {
        name: 'toolChoice',
        request: { messages: [{ role: 'user', content: 'Hello!' }], tools: [{ name: 'help' }], toolChoice: 'required' },
      },
      { name: 'format', request: { prompt: 'Hello', format: { type: 'json' } } },
    ],
  },
})
