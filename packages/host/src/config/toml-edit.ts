import { stringify } from 'smol-toml'

type TomlScalar = string | number | boolean
/** A value one of our settings can have. */
export type SettingValue = TomlScalar | readonly TomlScalar[]

interface Span {
  readonly start: number
  readonly end: number
}

/** Where a section's body is in the text, and where a key's line and value are; by offsets into the text. */
interface Place {
  readonly section: Span | undefined
  readonly line: Span | undefined
  readonly value: Span | undefined
}

/**
 * Sets `[section] name = value` in TOML text, or takes it out when `value` is undefined, and leaves comments, order and
 * all other lines as they are. Knows tables and keys written plainly, one a line; the caller must parse the result and
 * compare, because TOML can also say the same in ways that this does not see.
 */
export function editToml(text: string, key: { readonly section: string; readonly name: string }, value: SettingValue | undefined): string {
  const place = locate(text, key)
  if (value === undefined) return place.line ? text.slice(0, place.line.start) + text.slice(place.line.end) : text
  const line = stringify({ [key.name]: value }).trimEnd()
  if (place.value) return text.slice(0, place.value.start) + line.slice(line.indexOf('=') + 1).trim() + text.slice(place.value.end)
  if (place.section) return insertAt(text, endOfContent(text, place.section), `${line}\n`)
  const gap = text === '' || text.endsWith('\n\n') ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  return `${text}${gap}[${key.section}]\n${line}\n`
}

/** 1-based line of a key, or of its section's header, or undefined. */
export function lineOf(text: string, key: { readonly section: string; readonly name: string }): number | undefined {
  const place = locate(text, key)
  const offset = place.line?.start ?? (place.section && text.lastIndexOf('\n', Math.max(place.section.start - 2, 0)) + 1)
  return offset === undefined ? undefined : text.slice(0, offset).split('\n').length
}

function locate(text: string, { section, name }: { readonly section: string; readonly name: string }): Place {
  let current = ''
  let body: Span | undefined
  for (let offset = 0; offset < text.length;) {
    const end = endOfLine(text, offset)
    const content = text.slice(offset, end)
    const header = /^\s*\[([^[\]]+)\]\s*(#.*)?$/.exec(content.trimEnd())?.[1]?.trim()
    const assignment = /^\s*([\w-]+)\s*=\s*/.exec(content)
    if (header !== undefined) current = header
    if (current === section && header !== undefined) body = { start: end, end }
    if (!assignment || header !== undefined) {
      if (body && current === section) body = { start: body.start, end }
      offset = end
      continue
    }
    const start = offset + assignment[0].length
    const valueEnd = endOfValue(text, start)
    const lineEnd = endOfLine(text, valueEnd)
    if (current === section && body) body = { start: body.start, end: lineEnd }
    if (current === section && assignment[1] === name)
      return { section: body, line: { start: offset, end: lineEnd }, value: { start, end: valueEnd } }
    offset = lineEnd
  }
  return { section: body, line: undefined, value: undefined }
}

function endOfLine(text: string, offset: number): number {
  const feed = text.indexOf('\n', offset)
  return feed === -1 ? text.length : feed + 1
}

/** The offset after a value: strings may hold `#` and brackets, lists may run over several lines and hold comments. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  let end = start
  for (let offset = start; offset < text.length; offset++) {
    const char = text[offset] as string
    if (char === '"' || char === "'") offset = endOfString(text, offset)
    else if (char === '#') offset = endOfLine(text, offset) - 2
    else if (char === '[') depth++
    else if (char === ']') depth--
    else if (char === '\n' && depth <= 0) break
    if (depth <= 0 && char === '#') break
    if (!/\s/.test(char)) end = offset + 1
  }
  return end
}

function endOfString(text: string, start: number): number {
  const quote = text[start]
  let offset = start + 1
  while (offset < text.length && text[offset] !== quote && text[offset] !== '\n') offset += quote === '"' && text[offset] === '\\' ? 2 : 1
  return offset
}

/** Before the blank lines and comments that end a section: those belong to what follows. */
function endOfContent(text: string, section: Span): number {
  const lines = text.slice(section.start, section.end).split(/(?<=\n)/)
  while (lines.length > 0 && /^\s*(#.*)?$/.test((lines.at(-1) ?? '').trimEnd())) lines.pop()
  return section.start + lines.join('').length
}

function insertAt(text: string, offset: number, line: string): string {
  const before = text.slice(0, offset)
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${line}${text.slice(offset)}`
}
