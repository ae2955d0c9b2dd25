import type { Llama, LlamaGrammar, LlamaGrammarEvaluationState, LlamaModel } from 'node-llama-cpp'
import type { OutputFormat } from '@soma/spec'
import { invalidInput, messageOf } from '../errors.ts'
import { GRAMMARS_KEPT_MAX, GRAMMAR_NESTING_MAX } from '../limits.ts'
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

  /** @throws {SomaError} `model/unsupported` naming a keyword of a schema, `model/input-mismatch` for a grammar that is none. */
  async for(format: OutputFormat): Promise<LlamaGrammar> {
    const text = textOf(format)
    const grammar = this.#kept.get(text) ?? (await this.#compile(text))
    this.#kept.delete(text)
    this.#kept.set(text, grammar)
    for (const oldest of this.#kept.keys()) if (this.#kept.size > GRAMMARS_KEPT_MAX) this.#kept.delete(oldest)
    return grammar
  }

  /** The state in which an answer begins. */
  begin(model: LlamaModel, grammar: LlamaGrammar): LlamaGrammarEvaluationState {
    return new this.#library.LlamaGrammarEvaluationState({ model, grammar })
  }

  async #compile(grammar: string): Promise<LlamaGrammar> {
    if (nestingOf(grammar) > GRAMMAR_NESTING_MAX)
      throw invalidInput(`format: the grammar is nested deeper than ${GRAMMAR_NESTING_MAX} levels of brackets`)
    try {
      return await this.#llama.createGrammar({ grammar })
    } catch (cause) {
      throw invalidInput(`format: the grammar is not one that llama.cpp reads: ${messageOf(cause)}`, cause)
    }
  }
}

/** At most: brackets inside of texts count, too. llama.cpp reads a level inside the other, and its stack is small. */
function nestingOf(grammar: string): number {
  let [depth, deepest] = [0, 0]
  for (const [bracket] of grammar.matchAll(/[()]/g)) {
    depth = Math.max(0, depth + (bracket === '(' ? 1 : -1))
    deepest = Math.max(deepest, depth)
  }
  return deepest
}

function textOf(format: OutputFormat): string {
  if (format.type === 'grammar') return format.grammar
  return format.type === 'json' ? jsonObjectGrammar : schemaGrammar(format.schema)
}
