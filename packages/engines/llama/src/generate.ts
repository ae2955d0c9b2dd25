import type { LlamaContextSequence, SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import { throwIfAborted } from '@soma/core'
import type { EngineContext, GenerateEvent, GenerateRequest, GenerateResult } from '@soma/spec'
import type { Answer } from './answer.ts'
import type { Prompt } from './prompt.ts'
import type { PromptSteps } from './prompt-steps.ts'
import type { Rounds } from './rounds.ts'
import type { SamplingContext } from './sampling.ts'
import type { ThreadLimit } from './thread-limit.ts'

export interface Generation {
  readonly sequence: LlamaContextSequence
  readonly prompt: Prompt
  readonly steps: PromptSteps
  readonly threads: ThreadLimit
  readonly rounds: Rounds
  readonly sampling: (last: SamplingContext['last']) => SequenceEvaluateOptions
  readonly answer: Answer
}

/**
 * One generation on one sequence. The next token is computed while the last one is on its way to the reader, and no further:
 * who does not read holds his generation up.
 */
export async function* generate(
  { sequence, prompt, steps, threads, rounds, sampling, answer }: Generation,
  { maxTokens = Number.POSITIVE_INFINITY }: GenerateRequest,
  ctx: EngineContext,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  const { signal } = ctx
  using _member = rounds.join()
  const { cachedTokens, rest } = await steps.run(sequence, prompt.tokens, signal)
  const generated: Token[] = []
  const last = (count: number): readonly number[] => [...prompt.tokens.slice(-count), ...generated.slice(-count)]
  const iterator = sequence.evaluate(rest as Token[], { ...sampling(last), contextShift: neverShift })
  let finish: GenerateResult['finish'] = 'stop'
  const compute = (): Promise<IteratorResult<Token, void>> => rounds.step(() => iterator.next())
  let next = compute()
  try {
    for (;;) {
      const { value: token, done } = await next
      throwIfAborted(signal)
      if (done === true) break
      generated.push(token)
      const events = answer.push(token)
      const isFull = generated.length >= maxTokens || prompt.tokens.length + generated.length >= sequence.contextSize
      threads.adjust()
      if (!answer.isOver && !isFull) next = compute()
      for (const event of events) yield event
      if (answer.isOver) break
      if (!isFull) continue
      finish = 'length'
      break
    }
    for (const event of answer.end()) yield event
  } finally {
    // It may be computing still, and then ends with that token.
    await iterator.return()
    next.catch(() => undefined)
  }
  const usage = { promptTokens: prompt.tokens.length, cachedTokens, generatedTokens: generated.length }
  const truncated = prompt.droppedTokens > 0 ? { droppedTokens: prompt.droppedTokens } : undefined
  return { finish: answer.hasCalls ? 'tool-calls' : finish, usage, ...(truncated && { truncated }) }
}

/** The library's answer to a full context is to forget its beginning in silence; a generation ends before that. */
const neverShift: NonNullable<SequenceEvaluateOptions['contextShift']> = {
  strategy: () => {
    throw new Error('the context is full')
  },
}
