import type { Json } from '@soma/core'

/**
 * Rules for JSON's values, which grammars of schemas refer to. Blanks are allowed where models put them, and only a few at
 * once: a model that may write endless blanks sometimes does.
 */
export const jsonRules: Readonly<Record<string, string>> = {
  ws: String.raw`| " " | "\n" [ \t]{0,20}`,
  value: 'object | array | string | number | boolean | null',
  object: String.raw`"{" ws (member ("," ws member)*)? "}" ws`,
  member: String.raw`string ":" ws value`,
  array: String.raw`"[" ws (value ("," ws value)*)? "]" ws`,
  string: String.raw`"\"" char* "\"" ws`,
  char: String.raw`[^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4})`,
  number: String.raw`"-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})? ws`,
  integer: String.raw`"-"? ("0" | [1-9] [0-9]{0,15}) ws`,
  boolean: '("true" | "false") ws',
  null: '"null" ws',
}

/** A grammar in llama.cpp's notation. */
export function writeGrammar(root: string, rules: ReadonlyMap<string, string> = new Map()): string {
  const all = [['root', root] as const, ...rules, ...Object.entries(jsonRules)]
  return all.map(([name, body]) => `${name} ::= ${body}\n`).join('')
}

/** Any JSON object: what people mean who ask for JSON. */
export const jsonObjectGrammar = writeGrammar('object')

/** The text itself, quoted as the notation wants it. */
export function literal(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '"': String.raw`\"`,
    '\\': String.raw`\\`,
    '\n': String.raw`\n`,
    '\r': String.raw`\r`,
    '\t': String.raw`\t`,
  }
  return `"${text.replace(/["\\\n\r\t]/g, (character) => escapes[character] ?? character)}"`
}

/** An expression for one value, however it is spaced. */
export function valueGrammar(value: Json): string {
  if (typeof value !== 'object' || value === null) return `${literal(JSON.stringify(value))} ws`
  const items = Array.isArray(value)
    ? value.map((item) => valueGrammar(item))
    : Object.entries(value).map(([key, item]) => `${literal(JSON.stringify(key))} ":" ws ${valueGrammar(item)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return `"${open}" ws ${items.join(' "," ws ')} "${close}" ws`
}
