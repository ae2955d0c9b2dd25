import { SomaError } from '@soma/core'

export function loadFailed(path: string, why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `llama.cpp cannot load ${path}: ${why}`, { details: { path }, cause })
}

export function fileMissing(name: string, path: string): SomaError {
  return new SomaError(
    'model/load-failed',
    `the package ${name} does not hold the file ${path}; name one that it holds, or an absolute path`,
    {
      details: { path },
    },
  )
}

/** What the model, or this engine, cannot do. `what` is the name that the caller used. */
export function unsupported(what: string, why: string): SomaError {
  return new SomaError('model/unsupported', `${what}: ${why}`, { details: { option: what } })
}

/** A request that this model does not take. */
export function invalidInput(what: string, cause?: unknown): SomaError {
  return new SomaError('model/input-mismatch', what, { cause })
}

/** A grammar that no answer can be held to. The place is counted from 1; absent, it is the grammar as a whole. */
export function badGrammar(what: string, place?: { readonly line: number; readonly column: number }): SomaError {
  const where = place ? `line ${place.line}, column ${place.column} of the grammar` : 'the grammar'
  return new SomaError('model/input-mismatch', `format: ${where}: ${what}`, { details: { ...place } })
}

/** `contextLength` is what the model has in all; a prompt must leave room for one token. */
export function contextOverflow(promptTokens: number, contextLength: number): SomaError {
  const message = `the prompt has ${promptTokens} tokens, and the context ${contextLength}; shorten it, load the model with a longer contextLength, or allow overflow: "truncate"`
  return new SomaError('model/context-overflow', message, { details: { promptTokens, contextLength } })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
