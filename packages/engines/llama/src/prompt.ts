import type { ChatMessage, GenerateRequest } from '@soma/spec'
import type { ChatTemplate } from './chat/template.ts'
import { TextGuard, type Tokenizer } from './chat/guarded-text.ts'
import { contextOverflow, unsupported } from './errors.ts'
import { ANSWER_SHARE } from './limits.ts'

/** What making a prompt needs of a model. */
export interface PromptModel extends Tokenizer {
  /** To begin with, where the model was trained so. */
  readonly firstToken: number | undefined
  /** Undefined for models without one: they continue text and do not talk. */
  readonly template: ChatTemplate | undefined
  readonly contextLength: number
}

export interface Prompt {
  readonly tokens: readonly number[]
  /** Tokens that were cut off at the beginning. */
  readonly droppedTokens: number
}

/** @param opening what the answer is made to begin with. */
export function makePrompt(model: PromptModel, request: GenerateRequest, opening = ''): Prompt {
  const whole =
    request.messages === undefined ? completion(model, request.prompt ?? '') : conversation(model, request, request.messages, opening)
  // One place stays free for the first token of the answer.
  if (whole.length < model.contextLength) return { tokens: whole, droppedTokens: 0 }
  if (request.overflow !== 'truncate') throw contextOverflow(whole.length, model.contextLength)
  const answer = Math.min(request.maxTokens ?? model.contextLength * ANSWER_SHARE, model.contextLength / 2)
  const room = Math.max(1, Math.floor(model.contextLength - answer) - 1)
  const tokens =
    request.messages === undefined
      ? lastTokens(model, whole, room)
      : cutConversation(model, request, { room, opening, whole: whole.length })
  return { tokens, droppedTokens: whole.length - tokens.length }
}

/** As it stands; its author may write control tokens. */
function completion(model: PromptModel, text: string): number[] {
  return begun(model, model.tokenize(text, true))
}

function begun({ firstToken }: PromptModel, tokens: number[]): number[] {
  return firstToken === undefined || tokens[0] === firstToken ? tokens : [firstToken, ...tokens]
}

function lastTokens(model: PromptModel, tokens: readonly number[], room: number): number[] {
  const last = tokens.slice(-room)
  return model.firstToken === undefined || last[0] === model.firstToken ? last : begun(model, last.slice(1))
}

function conversation(
  model: PromptModel,
  { tools, toolChoice }: GenerateRequest,
  messages: readonly ChatMessage[],
  opening: string,
): number[] {
  if (!model.template)
    throw unsupported('messages', 'the model has no chat template; give a prompt, or load it with the setting chatTemplate')
  const guard = new TextGuard(model)
  const text = model.template.render(guard.messages(messages), toolChoice === 'none' ? [] : guard.tools(tools))
  return begun(model, guard.tokenize(text + opening))
}

/**
 * As many of the last messages as fit, beside those of the system, which stay. If not even the last one fits, its end stays.
 * @throws {SomaError} `model/context-overflow` when what must stay does not fit.
 */
function cutConversation(
  model: PromptModel,
  request: GenerateRequest,
  { room, opening, whole }: { readonly room: number; readonly opening: string; readonly whole: number },
): number[] {
  const messages = request.messages ?? []
  const system = messages.filter(({ role }) => role === 'system')
  const talk = messages.filter(({ role }) => role !== 'system')
  const render = (kept: readonly ChatMessage[]): number[] => conversation(model, request, [...system, ...kept], opening)
  // A conversation begins with its user: templates refuse others, and an answer without its question misleads.
  const starts = talk.flatMap(({ role }, index) => (role === 'user' && index > 0 ? [index] : []))
  const fits = (tokens: readonly number[]): boolean => tokens.length <= room
  const start = firstThat(starts.length, (index) => fits(render(talk.slice(starts[index]))))
  if (start !== undefined) return render(talk.slice(starts[start]))
  const last = talk.slice(starts.at(-1) ?? 0)
  const [question, ...later] = last
  const text = question?.content ?? ''
  const cut = (characters: number): number[] => render([{ role: 'user', ...question, content: text.slice(characters) }, ...later])
  const characters = firstThat(text.length + 1, (count) => fits(cut(count)))
  if (characters === undefined) throw contextOverflow(whole, model.contextLength)
  return cut(characters)
}

/** The least index for which a condition holds that holds for all after it; undefined when it holds for none. */
function firstThat(count: number, holds: (index: number) => boolean): number | undefined {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low < count ? low : undefined
}
