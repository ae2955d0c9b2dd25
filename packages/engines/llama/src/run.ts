import type { Llama, LlamaGrammar, LlamaModel, SequenceEvaluateOptions, Token, TokenPredictor } from 'node-llama-cpp'
import { type Clock, isSomaError } from '@soma/core'
import type {
  EngineContext,
  GenerateEvent,
  GenerateRequest,
  GenerateResult,
  LoadedModel,
  MemoryUsage,
  OutputFormat,
  Signature,
} from '@soma/spec'
import { Answer } from './answer.ts'
import type { ChatTemplate } from './chat/template.ts'
import { forcedCall } from './chat/forced-call.ts'
import type { Contexts } from './context.ts'
import { invalidInput, unsupported } from './errors.ts'
import { generate } from './generate.ts'
import { Grammars } from './grammar/grammars.ts'
import type { Owned } from './owned.ts'
import type { Plan } from './plan.ts'
import { PromptSteps } from './prompt-steps.ts'
import { type Prompt, type PromptModel, makePrompt } from './prompt.ts'
import { type SamplingDefaults, samplingDefaults, samplingOptions } from './sampling.ts'
import { Rounds } from './rounds.ts'
import type { Library } from './runtime.ts'
import type { Slot } from './slots.ts'
import type { KeptState } from './state.ts'
import { piecewise } from './text/piecewise.ts'
import type { ThreadLimit } from './thread-limit.ts'

export interface GenerateDeps {
  readonly library: Library
  readonly llama: Llama
  readonly model: LlamaModel
  readonly contexts: Contexts
  readonly template: ChatTemplate | undefined
  readonly state: KeptState
  readonly scrub: boolean
  readonly plan: Plan
  readonly clock: Pick<Clock, 'monotonic'>
  readonly threads: ThreadLimit
  readonly seed: () => number
  readonly callId: () => string
}

/** What one request comes to before it gets a sequence. */
interface Prepared {
  readonly prompt: Prompt
  readonly grammar: LlamaGrammar | undefined
  readonly answer: Answer
}

/** A model that continues text. */
export class GenerateModel implements LoadedModel {
  readonly signature: Signature = { inputs: [], outputs: [] }
  readonly concurrency: number
  readonly contextLength: number
  readonly device: string
  readonly #deps: GenerateDeps
  readonly #owned: Owned
  readonly #prompts: PromptModel
  readonly #grammars: Grammars
  readonly #rounds = new Rounds()
  readonly #steps: PromptSteps
  readonly #defaults: SamplingDefaults

  constructor(deps: GenerateDeps, owned: Owned) {
    const { model, contexts, plan, template, clock, threads, library, llama } = deps
    this.concurrency = plan.sequences
    this.contextLength = contexts.contextLength
    this.device = owned.device
    this.#deps = deps
    this.#owned = owned
    const { bos, shouldPrependBosToken } = model.tokens
    this.#prompts = {
      tokenize: piecewise(model.tokenizer, model.fileInfo.metadata.tokenizer?.ggml),
      firstToken: shouldPrependBosToken && bos !== null ? bos : undefined,
      template,
      contextLength: this.contextLength,
    }
    this.#grammars = new Grammars(library, llama)
    this.#steps = new PromptSteps({ clock, threads, rounds: this.#rounds }, plan.batchSize)
    this.#defaults = samplingDefaults(model.fileInfo)
  }

  /** @throws {SomaError} `model/context-overflow`; `model/unsupported` naming what cannot be honoured; `model/input-mismatch`. */
  async *generate(request: GenerateRequest, ctx: EngineContext): AsyncGenerator<GenerateEvent, GenerateResult, void> {
    const { prompt, grammar, answer } = await this.#prepare(request)
    const slot = await this.#deps.contexts.take(request.session, ctx.signal)
    try {
      const { sequence } = slot
      lookUp(this.#deps.library, sequence.tokenPredictor, prompt)
      const sampling = (last: (count: number) => readonly number[]): SequenceEvaluateOptions => this.#sampling(request, grammar, last)
      return yield* generate(
        { sequence, prompt, steps: this.#steps, threads: this.#deps.threads, rounds: this.#rounds, sampling, answer },
        request,
        ctx,
      )
    } finally {
      await this.#release(slot)
    }
  }

  async saveState(directory: string): Promise<void> {
    const { contexts, scrub, state } = this.#deps
    if (!scrub && contexts.slots) await state.save(contexts.slots, directory)
  }

  usage(): MemoryUsage {
    return this.#owned.usage(this.#deps.contexts.deviceBytes)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.dispose()
  }

  async #prepare(request: GenerateRequest): Promise<Prepared> {
    refuse(request)
    const { template, callId: id, model } = this.#deps
    const wantsTools = (request.tools?.length ?? 0) > 0 && request.toolChoice !== 'none'
    const forced = wantsTools && template ? forcedCall(template.style, request) : undefined
    const prompt = makePrompt(this.#prompts, request, forced?.opening)
    const grammar = await this.#grammar(forced?.formats ?? (request.format ? [request.format] : []))
    const tools =
      wantsTools && template ? { style: template.style, isOpen: forced?.opening !== undefined && forced.opening !== '', id } : undefined
    return { prompt, grammar, answer: new Answer(model, { stop: request.stop ?? [], tools }) }
  }

  /** The first that can be one: what a schema says of arguments need not be something that a grammar can say. */
  async #grammar([format, ...others]: readonly OutputFormat[]): Promise<LlamaGrammar | undefined> {
    if (!format) return undefined
    try {
      return await this.#grammars.for(format)
    } catch (error) {
      if (others.length > 0 && isSomaError(error, 'model/unsupported')) return this.#grammar(others)
      throw error
    }
  }

  #sampling(
    request: GenerateRequest,
    grammar: LlamaGrammar | undefined,
    last: (count: number) => readonly number[],
  ): SequenceEvaluateOptions {
    const { model, seed } = this.#deps
    const options = samplingOptions(request, { defaults: this.#defaults, seed, last })
    return grammar ? { ...options, grammarEvaluationState: this.#grammars.begin(model, grammar) } : options
  }

  async #release(slot: Slot): Promise<void> {
    const { contexts, scrub } = this.#deps
    const { slots } = contexts
    await slots?.release(slot, scrub)
    // Where it cannot be made anew this call is done all the same, and its memory given back: the next call tries again.
    if (scrub && slots?.isIdle) await contexts.renew().catch(() => undefined)
  }
}

/** Guesses from the prompt need to know it. */
function lookUp({ InputLookupTokenPredictor }: Library, predictor: TokenPredictor | undefined, { tokens }: Prompt): void {
  if (predictor instanceof InputLookupTokenPredictor) predictor.updateInputTokens([...tokens] as Token[])
}

/** What this engine cannot honour, named as the caller named it. */
function refuse({ prompt, messages, tools = [], toolChoice, format }: GenerateRequest): void {
  if (messages?.some(({ images }) => (images?.length ?? 0) > 0)) throw unsupported('images', 'the llama engine reads text only')
  if (tools.length > 0 && prompt !== undefined) throw unsupported('tools', 'can be offered with messages only, not with a prompt')
  const wanted = typeof toolChoice === 'object' ? toolChoice.name : toolChoice === 'required' ? 'some tool' : undefined
  if (wanted !== undefined && !tools.some(({ name }) => toolChoice === 'required' || name === wanted))
    throw invalidInput(`toolChoice asks for ${wanted}, which is not among the tools`)
  if (tools.length > 0 && toolChoice !== 'none' && format)
    throw unsupported('format', 'cannot be kept together with tools; set toolChoice to none')
}
