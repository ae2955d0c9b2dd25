import type { Json } from '@soma/core'
import { literal } from './json-grammar.ts'
import { type RuleWriter, type Schema, isSchema } from './schema.ts'

interface Property {
  readonly pair: string
  readonly isRequired: boolean
}

/**
 * Objects with their properties in the listed order. Which may be left out decides where commas stand, so there are two rules
 * for what can come from a place on: one for when nothing came before, one for when something did.
 */
export class ObjectRules {
  readonly #grammar: RuleWriter
  readonly #properties: readonly Property[]
  /** A pair beyond the listed ones; undefined when there are none. */
  readonly #other: string | undefined

  constructor(grammar: RuleWriter, schema: Schema, depth: number) {
    this.#grammar = grammar
    const listed = isSchema(schema['properties']) ? schema['properties'] : {}
    const required = Array.isArray(schema['required']) ? schema['required'].map(String) : []
    const unlisted = required.filter((name) => !Object.hasOwn(listed, name)).map((name) => [name, true] as const)
    this.#properties = [...Object.entries(listed), ...unlisted].map(([name, value]: readonly [string, Json]) => ({
      pair: grammar.add(String.raw`${literal(JSON.stringify(name))} ws ":" ws ${grammar.visit(value, depth + 1)}`),
      isRequired: required.includes(name),
    }))
    this.#other = otherPair(grammar, schema, { depth, hasProperties: this.#properties.length > 0 })
  }

  write(): string {
    const add = (body: string): string => this.#grammar.add(body)
    let [first, later] = this.#ends()
    for (const { pair, isRequired } of this.#properties.toReversed()) {
      const next = add(later)
      ;[first, later] = [
        `${pair} ${next}${isRequired ? '' : ` | ${add(first)}`}`,
        `"," ws ${pair} ${next}${isRequired ? '' : ` | ${next}`}`,
      ]
    }
    return `"{" ws ${add(first)} "}" ws`
  }

  /** After the last listed one: nothing, or any number of others. */
  #ends(): [first: string, later: string] {
    if (this.#other === undefined) return ['""', '""']
    return [`(${this.#other} ("," ws ${this.#other})*)?`, `("," ws ${this.#other})*`]
  }
}

/** Without a word on others, an object with properties has just these: fewer ways to go wrong, and the schema allows it. */
function otherPair(
  grammar: RuleWriter,
  { additionalProperties }: Schema,
  { depth, hasProperties }: { readonly depth: number; readonly hasProperties: boolean },
): string | undefined {
  const schema = additionalProperties ?? !hasProperties
  return schema === false ? undefined : grammar.add(`string ":" ws ${grammar.visit(schema, depth + 1)}`)
}
