import { JSON_DEPTH_MAX, SomaError } from '@soma/core'
import { type Document, LineCounter, type Node, isAlias, isCollection, isMap, isNode, isScalar, parseDocument } from 'yaml'
import { YAML_NODES_MAX } from './limits.ts'

/** Where something stands in a text, both counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** Plain data read from YAML, and where each part of it was written. */
export interface YamlText {
  readonly value: unknown
  /** Position of the value at `path`, or of the closest thing around it that was written. */
  position(path: readonly PropertyKey[]): Position
}

export interface YamlOptions {
  /** Name of the text in messages. */
  readonly file: string
  readonly bytesMax: number
}

/**
 * Reads YAML that came from outside as plain JSON data. Aliases, tags, duplicate keys, several documents and
 * deep nesting are refused: no manifest needs them, and each is a way to make a small text large or ambiguous.
 * @throws {SomaError} `package/invalid-manifest` with file, line and column.
 */
export function parseYaml(bytes: Uint8Array, options: YamlOptions): YamlText {
  const { file, bytesMax } = options
  if (bytes.byteLength > bytesMax)
    throw new SomaError('package/invalid-manifest', `${file} has ${bytes.byteLength} bytes; at most ${bytesMax} are read`, {
      details: { file, sizeBytes: bytes.byteLength, bytesMax },
    })
  const text = decode(bytes, file)
  const lines = new LineCounter()
  const document = parse(text, lines, file)
  const refuse = (reason: string, offset: number): never => {
    const { line, column } = positionAt(lines, offset)
    throw new SomaError('package/invalid-manifest', `${file}:${line}:${column}: ${reason}`, { details: { file, line, column, reason } })
  }
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault) refuse(fault.message, fault.pos[0])
  checkNodes(document, refuse)
  return { value: document.toJS(), position: (path) => positionOf(document, lines, path) }
}

/** The library calls itself for each level: what is deeper than the stack overflows it, in places where the library does not catch it. */
function parse(text: string, lines: LineCounter, file: string): Document {
  try {
    // Its own check for duplicate keys compares each key with all before it: 36 s for 600 KB. `checkNodes` does it with a set.
    return parseDocument(text, {
      lineCounter: lines,
      schema: 'core',
      merge: false,
      resolveKnownTags: false,
      stringKeys: true,
      uniqueKeys: false,
      prettyErrors: false,
    })
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const reason = `nested deeper than ${JSON_DEPTH_MAX} levels`
    throw new SomaError('package/invalid-manifest', `${file}: ${reason}`, { details: { file, reason }, cause })
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const offset = invalidUtf8At(bytes)
    throw new SomaError('package/invalid-manifest', `${file} is not UTF-8 text (byte ${offset})`, { cause, details: { file, offset } })
  }
}

/** The offset of the first byte that does not decode, by halving. */
function invalidUtf8At(bytes: Uint8Array): number {
  let sound = 0
  let broken = bytes.byteLength
  while (broken - sound > 1) {
    const middle = (sound + broken) >> 1
    if (decodesSoFar(bytes.subarray(0, middle))) sound = middle
    else broken = middle
  }
  return sound
}

/** Streaming, so that a character cut in two at the end is no fault. */
function decodesSoFar(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}

type Refuse = (reason: string, offset: number) => never

/** Iterative, so that depth is a limit and not a stack overflow. */
function checkNodes(document: Document, refuse: Refuse): void {
  const stack: Array<{ node: unknown; depth: number }> = [{ node: document.contents, depth: 0 }]
  let count = 0
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next
    if (!isNode(node)) continue
    const offset = node.range?.[0] ?? 0
    if (++count > YAML_NODES_MAX) refuse(`more than ${YAML_NODES_MAX} values`, offset)
    if (depth > JSON_DEPTH_MAX) refuse(`nested deeper than ${JSON_DEPTH_MAX} levels`, offset)
    checkNode(node, offset, refuse)
    if (isMap(node)) {
      checkKeys(node.items, refuse)
      for (const { value } of node.items) stack.push({ node: value, depth: depth + 1 })
    } else if (isCollection(node)) for (const item of node.items) stack.push({ node: item, depth: depth + 1 })
  }
}

function checkNode(node: Node, offset: number, refuse: Refuse): void {
  if (isAlias(node)) refuse('aliases are not read; write the value out', offset)
  if (!isScalar(node)) return
  if (typeof node.value === 'number' && !Number.isFinite(node.value)) refuse('numbers must be finite', offset)
  if (typeof node.value === 'bigint') refuse('the number is too large', offset)
}

function checkKeys(items: ReadonlyArray<{ readonly key: unknown }>, refuse: Refuse): void {
  const seen = new Set<string>()
  for (const { key } of items) {
    const name = isScalar(key) ? String(key.value) : String(key)
    const offset = (isNode(key) ? key.range?.[0] : undefined) ?? 0
    if (name === '__proto__') refuse('the key __proto__ is not read', offset)
    if (seen.has(name)) refuse(`the key ${JSON.stringify(name.slice(0, 80))} stands there twice`, offset)
    seen.add(name)
  }
}

function positionOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): Position {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return positionAt(lines, node.range[0])
  }
  return { line: 1, column: 1 }
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}
