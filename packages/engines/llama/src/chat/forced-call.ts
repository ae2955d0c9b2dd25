import type { Json } from '@soma/core'
import type { GenerateRequest, OutputFormat, Tool } from '@soma/spec'
import type { ToolStyle } from './tool-style.ts'

/** An answer that must be a request for a function. */
export interface ForcedCall {
  /** What the answer is made to begin with. */
  readonly opening: string
  /** What must follow, the exactest first. */
  readonly formats: readonly OutputFormat[]
}

/** Undefined where the model may choose. */
export function forcedCall(
  { open, kept = '', argumentsKey }: ToolStyle,
  { tools = [], toolChoice }: GenerateRequest,
): ForcedCall | undefined {
  if (toolChoice === undefined || typeof toolChoice === 'string' ? toolChoice !== 'required' : false) return undefined
  const wanted = typeof toolChoice === 'object' ? tools.filter(({ name }) => name === toolChoice.name) : tools
  const call = ({ name }: Tool, parameters: Json): Json => {
    return { type: 'object', properties: { name: { const: name }, [argumentsKey]: parameters }, required: ['name', argumentsKey] }
  }
  const schema = (of: (tool: Tool) => Json): OutputFormat => ({
    type: 'json-schema',
    schema: { anyOf: wanted.map((tool) => call(tool, of(tool))) } as never,
  })
  return {
    opening: open.slice(0, open.length - kept.length),
    formats: [schema(({ parameters }) => parameters ?? { type: 'object' }), schema(() => ({ type: 'object' }))],
  }
}
