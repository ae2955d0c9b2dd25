/**
 * Strings, comments and everything else of Python's lexical grammar that matters for finding an address. A string that does not end
 * is one to the end of its line: looking for its end again from each quote in it would take the square of its length.
 */
const tokens = /([rbuf]{0,2})("""[\s\S]*?"""|'''[\s\S]*?''')|("(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|#[^\n]*/gi

/**
 * Code without comments and long strings, lines kept (and indented, as what goes on is), and with neighbouring string literals joined as Python joins them:
 * what is left in quotes is meant, not told.
 */
export function plainCode(text: string): string {
  const without = text.replaceAll(tokens, (token, _prefix: string, long: string | undefined, short: string | undefined) =>
    short !== undefined ? token : long === undefined ? '' : `''${'\n '.repeat(long.split('\n').length - 1)}`,
  )
  return without.replaceAll(/(?<=[^"\\\n])"\s+"(?=[^"])/g, '').replaceAll(/(?<=[^'\\\n])'\s+'(?=[^'])/g, '')
}

/** The lines of a function or class at the top level, decorators included; undefined when there is none with this name. */
export function definition(code: string, kind: 'def' | 'class', name: string): string | undefined {
  const lines = code.split('\n')
  const opening = new RegExp(`^(async )?${kind} ${name}\\b`)
  const at = lines.findIndex((line) => opening.test(line))
  if (at < 0) return undefined
  let begin = at
  while (lines[begin - 1]?.startsWith('@')) begin--
  const after = lines.slice(at + 1).findIndex((line) => /^[^\s)\]}]/.test(line))
  return lines.slice(begin, after < 0 ? lines.length : at + 1 + after).join('\n')
}

/** Names that code offers: what it defines and what it imports, not what begins with an underscore. */
export function publicNames(code: string): string[] {
  const defined = [...code.matchAll(/^(?:async )?def ([A-Za-z]\w*)/gm)].map(([, name = '']) => name)
  const imported = importsOf(code).flatMap(({ module, as }) => (/^(torch|os|sys|typing|functools)$/.test(module) ? [] : [as]))
  const assigned = [...code.matchAll(/^([A-Za-z]\w*)\s*=(?!=)/gm)].map(([, name = '']) => name)
  return [...new Set([...defined, ...imported, ...assigned])].filter(
    (name) => !name.startsWith('_') && name !== '*' && name !== 'dependencies',
  )
}

export interface Import {
  /** `a.b`, `.c`. */
  readonly module: string
  /** The name there; `*` for all. */
  readonly name: string
  /** The name here. */
  readonly as: string
}

/** Every `from module import name as other`, at the top or inside functions. */
export function importsOf(code: string): Import[] {
  return [...code.matchAll(/^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(?:\(([^()]*)\)|([^\n(]*))/gm)].flatMap(
    ([, module = '', inside, line]) =>
      (inside ?? line ?? '')
        .split(',')
        .map((one) => /^(\w+|\*)(?:\s+as\s+(\w+))?(?:\s*;)?$/.exec(one.trim()))
        .flatMap((match) => (match ? [{ module, name: match[1] ?? '', as: match[2] ?? match[1] ?? '' }] : [])),
  )
}

/** The literal texts of a piece of code, f-strings with holes left out. */
export function stringsOf(code: string): string[] {
  return [...code.matchAll(/([rbuf]{0,2})(["'])((?:\\.|(?!\2)[^\\\n])*)(\2?)/gi)].flatMap(([, prefix = '', , text = '', end]) =>
    end === '' || (/f/i.test(prefix) && text.includes('{')) ? [] : [text],
  )
}

/** Whether a name occurs as a word of its own. */
export function mentions(code: string, name: string): boolean {
  return new RegExp(`(?<![\\w.])${name}(?!\\w)`).test(code)
}
