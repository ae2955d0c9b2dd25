import { stripVTControlCharacters } from 'node:util'

// Everything below space but tab and line feed, DEL, C1, and the marks that reorder text to hide what it says.
// eslint-disable-next-line no-control-regex -- they are what this is about
const control = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g
/** Those of them that JSON may hold as they are. */
const hidden = /[\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g
// eslint-disable-next-line no-control-regex -- the same
const controlButColors = new RegExp(`(?!\\u001B\\[[\\d;]*m)${control.source}`, 'g')

/**
 * Makes text harmless for a terminal, wherever parts of it came from (a model, a package, a peer): control characters are
 * written out. Colours stay, when the terminal has them.
 */
export function printable(text: string, colors = false): string {
  return text.replace(colors ? controlButColors : control, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Nearly all text; the rest takes ten times as long to look at. */
const simple = /^[\u0020-\u007E]*$/

/** JSON that is harmless for a terminal, and still means the same: what `JSON.stringify` leaves of control characters is escaped. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(hidden, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `printable`, on one line. */
export function inline(text: string): string {
  if (simple.test(text)) return text
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', ' ')
}

const wide = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\u3000-\u303F\uFF01-\uFF60\p{Emoji_Presentation}]/u
const invisible = /^[\p{Mn}\p{Me}\p{Cf}]$/u

/** Columns that text takes on a terminal. Colours take none, Chinese characters and emoji two. */
export function displayWidth(text: string): number {
  if (simple.test(text)) return text.length
  const plain = stripVTControlCharacters(text)
  if (simple.test(plain)) return plain.length
  let width = 0
  for (const char of plain) width += invisible.test(char) ? 0 : wide.test(char) ? 2 : 1
  return width
}

/** Cuts text to `width` columns, with an ellipsis where something is missing. Not for text with colours. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (simple.test(text)) return `${text.slice(0, Math.max(0, width - 1))}…`
  let kept = ''
  for (const char of text) {
    if (displayWidth(kept + char) > width - 1) break
    kept += char
  }
  return `${kept}…`
}

/** Fills text up to `width` columns; `right` puts the spaces before it. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? space + text : text + space
}

/** Commits, digests and ETags cut to what tells them apart. For reading along: what is to be copied stays whole. */
export function shortRevisions(text: string): string {
  return text.replace(/(?<![0-9a-z])([0-9a-f]{12})[0-9a-f]{20,}(?![0-9a-z])/g, '$1')
}

/** The first of a list, and how many more there are. */
export function listSome(items: readonly string[], most = 6): string {
  const shown = items.slice(0, most).map(inline).join(', ')
  return items.length > most ? `${shown} and ${items.length - most} more` : shown
}

/** Narrower terminals break lines by themselves: words would leave no room. */
const WRAP_WIDTH_MIN = 30

/** A line that is too long for the terminal, as several between words; one that is not stays as it is, to the last space. */
export function wrapNote(line: string, width: number): string[] {
  return width < WRAP_WIDTH_MIN || displayWidth(line) <= width ? [line] : wrap(line, width)
}

/** Breaks text into lines of at most `width` columns, between words where it can. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && displayWidth(longer) > width) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return line === '' ? lines : [...lines, line]
}
