import { Template } from '@huggingface/jinja'
import type { ChatMessage, Tool } from '@soma/spec'
import { type Json, SomaError, isSomaError } from '@soma/core'
import { withinTime } from '@soma/wire'
import { invalidInput, loadFailed, messageOf } from '../errors.ts'
import { TEMPLATE_MS_MAX } from '../limits.ts'
import { parsedJson } from './json-text.ts'
import { type ToolStyle, styleOf } from './tool-style.ts'

/** Texts that templates ask for. */
export interface SpecialTexts {
  readonly bos: string
  readonly eos: string
}

/** The chat template of a model: how a conversation is written for it. */
export class ChatTemplate {
  readonly #template: Template
  readonly #knowsTools: boolean
  readonly #texts: SpecialTexts
  readonly #timeMsMax: number
  readonly style: ToolStyle

  /** @throws {SomaError} `model/load-failed` when the text is no template. */
  constructor(text: string, texts: SpecialTexts, timeMsMax = TEMPLATE_MS_MAX) {
    this.#timeMsMax = timeMsMax
    try {
      this.#template = new Template(text)
    } catch (cause) {
      throw loadFailed('the chat template', messageOf(cause), cause)
    }
    this.#knowsTools = /\btools\b/.test(text)
    this.#texts = texts
    this.style = styleOf(text)
  }

  /**
   * @param messages the conversation; the answer is to follow it.
   * @throws {SomaError} `model/input-mismatch` with the template's own words, where it refuses the order of the messages; `engine/failed`
   * when it does not end.
   */
  render(messages: readonly ChatMessage[], tools: readonly Tool[] = []): string {
    const taught = tools.length > 0 && !this.#knowsTools ? teachTools(messages, tools) : messages
    const values = {
      messages: taught.map(writeMessage),
      ...(tools.length > 0 && { tools: tools.map(writeTool) }),
      add_generation_prompt: true,
      bos_token: this.#texts.bos,
      eos_token: this.#texts.eos,
    }
    try {
      return withinTime(
        () => this.#template.render(values),
        this.#timeMsMax,
        () => endless(this.#timeMsMax),
      )
    } catch (cause) {
      if (isSomaError(cause)) throw cause
      throw invalidInput(`the model's chat template refuses these messages: ${messageOf(cause)}`, cause)
    }
  }
}

function endless(timeMsMax: number): SomaError {
  return new SomaError('engine/failed', `the model's chat template had not ended after ${timeMsMax} ms; set another: chatTemplate`)
}

/** As templates expect them, which were written for OpenAI's shapes with arguments as objects. */
function writeMessage({ role, content, toolCalls, toolCallId }: ChatMessage): Json {
  const calls = toolCalls?.map(({ id, name, arguments: text }) => {
    return { id, type: 'function', function: { name, arguments: parsedJson(text) ?? text } }
  })
  return {
    role,
    content,
    ...(calls && calls.length > 0 && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  }
}

function writeTool({ name, description, parameters }: Tool): Json {
  const shape = parameters ?? { type: 'object', properties: {} }
  return { type: 'function', function: { name, ...(description !== undefined && { description }), parameters: shape as Json } }
}

/** For templates that know nothing of tools: the system message explains them. */
function teachTools(messages: readonly ChatMessage[], tools: readonly Tool[]): ChatMessage[] {
  const lines = tools.map((tool) => JSON.stringify(writeTool(tool)))
  const lesson = [
    'You may call these functions when they help:',
    ...lines,
    'To call one, write only <tool_call>{"name": "the name", "arguments": {…}}</tool_call>; the result comes in the next message.',
  ].join('\n')
  const [first, ...others] = messages
  if (first?.role === 'system') return [{ ...first, content: `${first.content}\n\n${lesson}` }, ...others.map(withoutToolRole)]
  return [{ role: 'system', content: lesson }, ...messages.map(withoutToolRole)]
}

/** Such templates know no role for results, nor requests in an answer. */
function withoutToolRole({ role, content, toolCalls = [] }: ChatMessage): ChatMessage {
  if (role === 'tool') return { role: 'user', content: `<tool_response>${content}</tool_response>` }
  const calls = toolCalls.map(
    ({ name, arguments: text }) => `<tool_call>{"name": ${JSON.stringify(name)}, "arguments": ${text}}</tool_call>`,
  )
  return { role, content: [content, ...calls].filter((part) => part !== '').join('\n') }
}
