import { SomaError } from '@soma/core'
import { TAGS_SHOWN } from './limits.ts'

export function invalidReference(name: string, why: string): SomaError {
  const message = `ollama/${name} cannot be read: ${why}; expected ollama/name, optionally with :tag, and before it a namespace and a registry’s host`
  return new SomaError('source/invalid-reference', message.slice(0, 1000))
}

export function noSuchModel(model: string, tag: string, there: readonly string[], cause: unknown): SomaError {
  const next =
    there.length > 0
      ? `there are the tags ${there.slice(0, TAGS_SHOWN).join(', ')}`
      : 'its page at the registry lists the tags that there are'
  return new SomaError('source/not-found', `${model} has no ${tag}, or is not there at all; ${next}`, {
    details: { model, tag, tags: there.slice(0, TAGS_SHOWN) },
    cause,
  })
}

export function notOllama(model: string, what: string, cause?: unknown): SomaError {
  return new SomaError('source/unavailable', `the registry did not send ${what} of ${model}; is it one with Ollama models?`, {
    details: { model },
    cause,
    retryable: false,
  })
}

export function otherBytes(what: string, expected: string, found: string): SomaError {
  return new SomaError('package/hash-mismatch', `${what} is not what was promised: expected ${expected}, found ${found}`, {
    details: { path: what, expected, found },
  })
}

export function noModelLayer(model: string, remote: boolean): SomaError {
  const why = remote ? 'it runs only in Ollama’s cloud' : 'none of its layers is one'
  return new SomaError('package/no-model', `${model} holds no GGUF model: ${why}; choose another tag`, { details: { model } })
}
