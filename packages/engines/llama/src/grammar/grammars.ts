import type { Llama, LlamaGrammar, LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp'
import type { OutputFormat } from '@soma/spec'
import { isSomaError } from '@soma/core'
import { badGrammar, unsupported } from '../errors.ts'
import { GRAMMARS_KEPT_MAX } from '../limits.ts'
import { checkGbnf } from './check-gbnf.ts'
import { jsonObjectGrammar } from './json-grammar.ts'
import { schemaGrammar } from './schema-grammar.ts'
import type { Library } from '../runtime.ts'

/** Compiled grammars, the last used ones kept: a service asks with the same schema again and again. */
export class Grammars {
  readonly #library: Library
  readonly #llama: Llama
  readonly #kept = new Map<string, LlamaGrammar>()

  constructor(library: Library, llama: Llama) {
    this.#library = library
    this.#llama = llama
  }

  /** @throws {SomaError} `model/unsupported` naming what of a schema cannot be honoured, `model/input-mismatch` for a bad grammar. */
  async for(format: OutputFormat): Promise<LlamaGrammar> {
    const text = textOf(format)
    const grammar = this.#kept.get(text) ?? (await this.#compile(format, text))
    this.#kept.delete(text)
    this.#kept.set(text, grammar)
    for (const oldest of this.#kept.keys()) if (this.#kept.size > GRAMMARS_KEPT_MAX) this.#kept.delete(oldest)
    return grammar
  }

  /** The state in which an answer begins. */
  begin(model: LlamaModel, grammar: LlamaGrammar): LlamaGrammarEvaluationState {
    return new this.#library.LlamaGrammarEvaluationState({ model, grammar })
  }

  async #compile(format: OutputFormat, grammar: string): Promise<LlamaGrammar> {
    check(format, grammar)
    try {
      return await this.#llama.createGrammar({ grammar })
    } catch {
      throw badGrammar('llama.cpp does not read it')
    }
  }
}

/** Before llama.cpp sees it: what that cannot read it prints, and what it cannot compute it hangs on. */
function check({ type }: OutputFormat, grammar: string): void {
  try {
    checkGbnf(grammar)
  } catch (error) {
    if (type === 'grammar' || !isSomaError(error)) throw error
    throw unsupported('format', `the schema allows more than a grammar can tell apart (${error.message})`)
  }
}

function textOf(format: OutputFormat): string {
  if (format.type === 'grammar') return format.grammar
  return format.type === 'json' ? jsonObjectGrammar : schemaGrammar(format.schema)
}
