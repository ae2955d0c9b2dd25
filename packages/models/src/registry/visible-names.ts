import { isSomaError } from '@soma/core'
import type { CallContext, Handlers } from '@soma/spec'
import { modelNotFound } from './nearest.ts'

type AnyHandler = (input: unknown, ctx: CallContext) => unknown

/**
 * The same handlers, whose `model/not-found` suggests only names that the caller may list: a wrong name that is a long row of
 * guesses would otherwise be answered with every model here that it holds.
 */
export function suggestOnlyVisible<Some extends Handlers>(handlers: Some): Some {
  const guarded = Object.entries(handlers as Readonly<Record<string, AnyHandler>>).map(([name, handler]) => [name, guard(handler)] as const)
  return Object.fromEntries(guarded) as unknown as Some
}

function guard(handler: AnyHandler): AnyHandler {
  return (input, ctx) => {
    try {
      const result = handler(input, ctx)
      if (result instanceof Promise) return result.catch((error: unknown) => Promise.reject(withVisibleNames(error, ctx) as Error))
      return isGenerator(result) ? guardStream(result, ctx) : result
    } catch (error) {
      throw withVisibleNames(error, ctx)
    }
  }
}

async function* guardStream(stream: AsyncGenerator<unknown, unknown, void>, ctx: CallContext): AsyncGenerator<unknown, unknown, void> {
  try {
    return yield* stream
  } catch (error) {
    throw withVisibleNames(error, ctx)
  }
}

function isGenerator(result: unknown): result is AsyncGenerator<unknown, unknown, void> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}

function withVisibleNames(error: unknown, ctx: CallContext): unknown {
  if (!isSomaError(error, 'model/not-found')) return error
  const { name, nearest } = error.details
  if (typeof name !== 'string' || !Array.isArray(nearest)) return error
  const names = nearest.filter((one): one is string => typeof one === 'string')
  const visible = names.filter((one) => ctx.allows(`model/${one}`, 'list'))
  return visible.length === names.length ? error : modelNotFound(name, visible)
}
