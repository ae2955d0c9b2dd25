import type { Json } from '@soma/core'
import { unsupported } from '../errors.ts'
import { GRAMMAR_REPEAT_MAX, GRAMMAR_RULES_MAX, SCHEMA_DEPTH_MAX } from '../limits.ts'
import { valueGrammar, writeGrammar } from './json-grammar.ts'
import { ObjectRules } from './object-rules.ts'
import { type RuleWriter, type Schema, isSchema } from './schema.ts'

/** Say something about a value, and nothing about which values there are. */
const annotations = new Set(
  '$schema $id $comment $defs definitions title description default examples example deprecated readOnly writeOnly'.split(' '),
)
/** Keywords that are honoured, by the kind of value they speak of. */
const keywords = {
  any: ['type', 'enum', 'const', '$ref', 'anyOf', 'oneOf', 'allOf'],
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'format'],
} as const
const known = new Set<string>(Object.values(keywords).flat())

const formats: Readonly<Record<string, string>> = {
  date: String.raw`"\"" [0-9]{4} "-" [0-1] [0-9] "-" [0-3] [0-9] "\"" ws`,
  time: String.raw`"\"" [0-2] [0-9] ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [-+] [0-2] [0-9] ":" [0-5] [0-9]) "\"" ws`,
  'date-time': String.raw`"\"" [0-9]{4} "-" [0-1] [0-9] "-" [0-3] [0-9] "T" [0-2] [0-9] ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [-+] [0-2] [0-9] ":" [0-5] [0-9]) "\"" ws`,
  uuid: String.raw`"\"" [0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12} "\"" ws`,
}

/**
 * A grammar of values that a JSON Schema allows. Properties come in the order in which the schema lists them.
 * @throws {SomaError} `model/unsupported` naming a keyword that no grammar can honour here.
 */
export function schemaGrammar(schema: Schema): string {
  const writer = new SchemaGrammar(schema)
  return writeGrammar(writer.visit(schema, 0), writer.rules)
}

class SchemaGrammar implements RuleWriter {
  readonly rules = new Map<string, string>()
  readonly #root: Schema
  /** Rules of what `$ref` points to: a schema may hold itself. */
  readonly #references = new Map<string, string>()

  constructor(root: Schema) {
    this.#root = root
  }

  visit(schema: Json, depth: number): string {
    if (depth > SCHEMA_DEPTH_MAX) throw unsupported('format', `the schema is nested deeper than ${SCHEMA_DEPTH_MAX} levels`)
    if (schema === true) return 'value'
    if (!isSchema(schema)) throw unsupported('format', `${JSON.stringify(schema)} is not a schema that has values`)
    for (const keyword of Object.keys(schema))
      if (!known.has(keyword) && !annotations.has(keyword))
        throw unsupported(`format: the schema's keyword "${keyword}"`, 'cannot be honoured')
    return this.#reference(schema) ?? this.#fixed(schema) ?? this.#alternatives(schema, depth) ?? this.#typed(schema, depth)
  }

  add(body: string): string {
    if (this.rules.size >= GRAMMAR_RULES_MAX) throw unsupported('format', `the schema needs more than ${GRAMMAR_RULES_MAX} rules`)
    const name = `r${this.rules.size}`
    this.rules.set(name, body)
    return name
  }

  #reference(schema: Schema): string | undefined {
    const { $ref } = schema
    if ($ref === undefined) return undefined
    refuseBeside(schema, ['$ref'])
    const pointer = textOf($ref)
    const done = this.#references.get(pointer)
    if (done !== undefined) return done
    const name = this.add('')
    this.#references.set(pointer, name)
    this.rules.set(name, this.visit(resolve(this.#root, pointer), 0))
    return name
  }

  #fixed(schema: Schema): string | undefined {
    const values = 'const' in schema ? [schema['const'] ?? null] : schema['enum']
    if (values === undefined) return undefined
    if (!Array.isArray(values) || values.length === 0) throw unsupported('format', 'an "enum" must list values')
    return `(${values.map((value) => valueGrammar(value)).join(' | ')})`
  }

  #alternatives(schema: Schema, depth: number): string | undefined {
    const options = schema['anyOf'] ?? schema['oneOf'] ?? schema['allOf']
    if (options === undefined) return undefined
    if (!Array.isArray(options) || options.length === 0) throw unsupported('format', 'anyOf, oneOf and allOf must list schemas')
    if (schema['allOf'] && options.length > 1)
      throw unsupported(`format: the schema's keyword "allOf"`, 'can be honoured with one schema only')
    refuseBeside(schema, ['anyOf', 'oneOf', 'allOf'])
    return `(${options.map((option) => this.visit(option, depth + 1)).join(' | ')})`
  }

  #typed(schema: Schema, depth: number): string {
    const types = schema['type'] === undefined ? [guessType(schema)] : [schema['type']].flat()
    const options = types.map((type) => this.#ofType(textOf(type), schema, depth))
    return options.length === 1 ? (options[0] ?? '') : `(${options.join(' | ')})`
  }

  #ofType(type: string, schema: Schema, depth: number): string {
    if (type === 'object') return new ObjectRules(this, schema, depth).write()
    if (type === 'array') return this.#array(schema, depth)
    if (type === 'string') return this.#string(schema)
    if (['number', 'integer', 'boolean', 'null', 'value'].includes(type)) return type
    throw unsupported('format', `JSON has no type "${type}"`)
  }

  #array(schema: Schema, depth: number): string {
    const first = Array.isArray(schema['prefixItems']) ? schema['prefixItems'].map((item) => this.add(this.visit(item, depth + 1))) : []
    const items = schema['items'] === false ? undefined : this.add(this.visit(schema['items'] ?? true, depth + 1))
    const { least, most } = bounds(schema, 'minItems', 'maxItems')
    const free = {
      least: Math.max(0, least - first.length),
      most: items === undefined ? 0 : most === null ? null : Math.max(0, most - first.length),
    }
    const head = first.join(' "," ws ')
    return String.raw`"[" ws ${head} ${listOf(items ?? 'value', free, first.length > 0)} "]" ws`
  }

  #string(schema: Schema): string {
    const { format } = schema
    if (format !== undefined) {
      const grammar = formats[textOf(format)]
      if (grammar === undefined) throw unsupported(`format: the schema's format "${textOf(format)}"`, 'cannot be honoured')
      return grammar
    }
    const { least, most } = bounds(schema, 'minLength', 'maxLength')
    return least === 0 && most === null ? 'string' : String.raw`"\"" char{${least},${most ?? ''}} "\"" ws`
  }
}

/** What stands beside would narrow the values further, which grammars cannot. */
function refuseBeside(schema: Schema, alone: readonly string[]): void {
  const beside = Object.keys(schema).find((keyword) => known.has(keyword) && !alone.includes(keyword))
  if (beside !== undefined) throw unsupported(`format: the schema's keyword "${beside}"`, `cannot be honoured beside ${alone.join(', ')}`)
}

/** So many of an item, with commas between them, and before the first where something stands there already. */
function listOf(item: string, { least, most }: { least: number; most: number | null }, follows: boolean): string {
  if (most === 0) return ''
  const more = (min: number, max: number | null): string => `("," ws ${item}){${Math.max(0, min)},${max ?? ''}}`
  if (follows) return more(least, most)
  const some = `${item} ${more(least - 1, most === null ? null : most - 1)}`
  return least === 0 ? `(${some})?` : some
}

function bounds(schema: Schema, min: string, max: string): { least: number; most: number | null } {
  const read = (name: string): number | undefined => {
    const value = schema[name]
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= GRAMMAR_REPEAT_MAX) return value
    throw unsupported(`format: the schema's keyword "${name}"`, `can be honoured from 0 to ${GRAMMAR_REPEAT_MAX}`)
  }
  const [least, most] = [read(min) ?? 0, read(max) ?? null]
  if (most !== null && most < least) throw unsupported('format', `"${max}" is less than "${min}": there are no such values`)
  return { least, most }
}

function guessType(schema: Schema): string {
  const has = (names: readonly string[]): boolean => names.some((name) => name in schema)
  if (has(keywords.object)) return 'object'
  if (has(keywords.array)) return 'array'
  return has(keywords.string) ? 'string' : 'value'
}

function resolve(root: Schema, pointer: string): Json {
  if (!pointer.startsWith('#')) throw unsupported('format', `the schema's reference ${pointer} leads out of it`)
  const steps = pointer
    .slice(1)
    .split('/')
    .filter((step) => step !== '')
  let place: Json | undefined = root
  for (const step of steps) {
    const key = decoded(step).replaceAll('~1', '/').replaceAll('~0', '~')
    place = typeof place === 'object' && place !== null && Object.hasOwn(place, key) ? (place as Record<string, Json>)[key] : undefined
  }
  if (place === undefined) throw unsupported('format', `the schema's reference ${pointer} leads nowhere`)
  return place
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step)
  } catch {
    return step
  }
}

/** A word of the schema; what is none is shown as it is. */
function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
