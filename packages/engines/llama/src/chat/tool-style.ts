import { isJsonObject, parsedJson } from './json-text.ts'

/** A function asked for, as the model wrote it. */
export interface WrittenCall {
  readonly name: string
  /** JSON text of an object. */
  readonly arguments: string
}

/** How a model asks for functions: the markers around it, and what stands between them. */
export interface ToolStyle {
  readonly open: string
  /** Absent where it goes to the end of the answer. */
  readonly close?: string
  /** Only at the very beginning of an answer; elsewhere it is text. */
  readonly atStart?: boolean
  /** What of `open` belongs to the call itself. */
  readonly kept?: string
  /** Key of the arguments, beside `name`. */
  readonly argumentsKey: 'arguments' | 'parameters'
  /** Undefined where the text between the markers is no request. */
  parse(body: string): readonly WrittenCall[] | undefined
}

/** `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen and most models since; some write XML between the same markers. */
const hermes: ToolStyle = {
  open: '<tool_call>',
  close: '</tool_call>',
  argumentsKey: 'arguments',
  parse: (body) => parseCalls(body) ?? parseXml(body),
}
/** `[TOOL_CALLS][{"name": …, "arguments": {…}}]` to the end of the answer, or a name and then its arguments. */
const mistral: ToolStyle = { open: '[TOOL_CALLS]', argumentsKey: 'arguments', parse: (body) => parseCalls(body) ?? parseNamed(body) }
/** The answer is `{"name": …, "parameters": {…}}` and nothing else. */
const llama3: ToolStyle = { open: '{', kept: '{', atStart: true, argumentsKey: 'parameters', parse: parseCalls }

/** The style that a chat template teaches; Hermes' where it teaches none, because then we do. */
export function styleOf(template: string): ToolStyle {
  if (template.includes('<tool_call>')) return hermes
  if (template.includes('[TOOL_CALLS]')) return mistral
  return template.includes('<|python_tag|>') || /"name": .*"parameters": /.test(template) ? llama3 : hermes
}

/** One call, or a list of them, with `arguments` or `parameters`. */
function parseCalls(body: string): WrittenCall[] | undefined {
  const value = parsedJson(body)
  const calls = (Array.isArray(value) ? value : [value]).map((call) => {
    if (!isJsonObject(call) || typeof call['name'] !== 'string') return undefined
    const args = call['arguments'] ?? call['parameters'] ?? {}
    const parsed = typeof args === 'string' ? parsedJson(args) : args
    return isJsonObject(parsed) ? { name: call['name'], arguments: JSON.stringify(parsed) } : undefined
  })
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined
}

function parseNamed(body: string): WrittenCall[] | undefined {
  const [, name, json] = /^\s*([\w-]+)(?:\[ARGS\])?\s*(\{[\s\S]*\})\s*$/.exec(body) ?? []
  const args = json === undefined ? undefined : parsedJson(json)
  return name !== undefined && isJsonObject(args) ? [{ name, arguments: JSON.stringify(args) }] : undefined
}

/** `<function=name><parameter=key>value</parameter></function>`: values are JSON where they can be read as such, else text. */
function parseXml(body: string): WrittenCall[] | undefined {
  const [, name, inner] = /^\s*<function=([\w-]+)>([\s\S]*?)(?:<\/function>)?\s*$/.exec(body) ?? []
  if (name === undefined || inner === undefined) return undefined
  const pairs = inner.matchAll(/<parameter=([\w-]+)>\n?([\s\S]*?)\n?<\/parameter>/g)
  const args = Object.fromEntries([...pairs].map(([, key = '', value = '']) => [key, parsedJson(value) ?? value]))
  return [{ name, arguments: JSON.stringify(args) }]
}
