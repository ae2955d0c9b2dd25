import { throwIfAborted } from '@soma/core'
import {
  type EngineContext,
  type GenerateEvent,
  type GenerateRequest,
  type GenerateResult,
  type InferRequest,
  type InferResponse,
  decodeStrings,
} from '@soma/spec'
import { askedToThrow } from './errors.ts'
import { BEHAVIOUR_INPUT, type Behaviour, readBehaviour } from './options.ts'

/** What misbehaving takes; `main.ts` has the real ones. */
export interface EchoDeps {
  sleep(delayMs: number, options: { readonly signal: AbortSignal }): Promise<unknown>
  block(durationMs: number): void
  crash(): never
  /** Writes past the protocol onto stdout. */
  print(text: string): void
}

/** Gives the inputs back as outputs, or those of them that were asked for. */
export async function infer(deps: EchoDeps, behaviour: Behaviour, request: InferRequest, ctx: EngineContext): Promise<InferResponse> {
  const asked = request.inputs.find(({ name }) => name === BEHAVIOUR_INPUT)
  await behave(deps, asked ? readBehaviour(decodeStrings(asked.data)[0] ?? '') : behaviour, ctx.signal)
  const wanted = ({ name }: { readonly name: string }): boolean => name !== BEHAVIOUR_INPUT && (request.outputs?.includes(name) ?? true)
  return { outputs: request.inputs.filter(wanted) }
}

/** Streams the prompt, or the last message, word by word: together the pieces are the prompt again. */
export async function* generate(
  deps: EchoDeps,
  behaviour: Behaviour,
  request: GenerateRequest,
  ctx: EngineContext,
): AsyncGenerator<GenerateEvent, GenerateResult, void> {
  const prompt = request.prompt ?? request.messages?.at(-1)?.content ?? ''
  const words = prompt.match(/\s*\S+|\s+$/g) ?? []
  const wanted = words.slice(0, request.maxTokens)
  for (const text of wanted) {
    throwIfAborted(ctx.signal)
    await behave(deps, behaviour, ctx.signal)
    yield { text }
  }
  const usage = { promptTokens: words.length, cachedTokens: 0, generatedTokens: wanted.length }
  return { finish: wanted.length < words.length ? 'length' : 'stop', usage }
}

export async function behave(deps: EchoDeps, behaviour: Behaviour, signal: AbortSignal): Promise<void> {
  if (behaviour.blockMs > 0) deps.block(behaviour.blockMs)
  if (behaviour.delayMs > 0) await deps.sleep(behaviour.delayMs, { signal })
  if (behaviour.outcome === 'throw') throw askedToThrow()
  if (behaviour.outcome === 'crash') deps.crash()
  if (behaviour.outcome === 'garbage') deps.print('this is not a frame, and was never meant to be one\n')
  if (behaviour.outcome === 'garbage' || behaviour.outcome === 'hang') await new Promise(() => undefined)
}
