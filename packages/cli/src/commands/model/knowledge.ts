import type { Knowledge } from '@soma/spec'
import { listSome } from '../../output/text.ts'
import { formatBytes, formatCount, formatLarge } from '../../output/units.ts'

/** What a package's files say of it, as fields for people; those that no file says are left out. */
export function knowledgeFields(known: Knowledge): Array<readonly [string, string]> {
  const fields: ReadonlyArray<readonly [string, string | null]> = [
    ['architecture', [known.architecture, known.framework].filter(Boolean).join(', ') || null],
    ['parameters', formatParameters(known)],
    ['quantised', known.quantisation],
    ['context', known.contextLength === null ? null : `${formatCount(known.contextLength)} tokens`],
    ['memory', formatMemory(known)],
    ['tokenizer', formatTokenizer(known)],
    ['opset', known.opsets === null ? null : formatOpsets(known.opsets)],
    ['languages', known.languages.length > 0 ? listSome(known.languages) : null],
  ]
  return fields.filter((field): field is readonly [string, string] => field[1] !== null)
}

/** `7.2 B in F16, Q4_K`. */
function formatParameters({ parameters, dtypes }: Knowledge): string | null {
  if (parameters === null) return dtypes.length > 0 ? `of ${listSome(dtypes)}` : null
  return `${formatLarge(parameters)}${dtypes.length > 0 ? ` in ${listSome(dtypes)}` : ''}`
}

/** `5.1 GB, 6.2 GB at 8,192 tokens`. */
function formatMemory({ requirements: { memory } }: Knowledge): string | null {
  const needs = memory.map(({ contextLength, bytes }) =>
    contextLength === null ? formatBytes(bytes) : `${formatBytes(bytes)} at ${formatCount(contextLength)} tokens`,
  )
  return needs.length > 0 ? needs.join(', ') : null
}

function formatTokenizer({ tokenizer, chatTemplate }: Knowledge): string | null {
  return [tokenizer, chatTemplate === null ? null : 'with a chat template'].filter(Boolean).join(' ') || null
}

/** The default domain of ONNX has no name. */
function formatOpsets(opsets: Readonly<Record<string, number>>): string {
  return Object.entries(opsets)
    .map(([domain, version]) => (domain === '' ? String(version) : `${domain} ${version}`))
    .join(', ')
}
