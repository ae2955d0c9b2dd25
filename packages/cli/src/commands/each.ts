import { type ErrorCode, type SomaError, errorCodes, toSomaError } from '@soma/core'
import type { CommandContext } from '../command.ts'
import { formatError } from '../output/errors.ts'

/** What one of several could not be done for. */
interface Failure {
  readonly name: string
  readonly code: ErrorCode
  readonly message: string
}

interface Outcome<Result> {
  readonly done: readonly Result[]
  readonly failed: readonly Failure[]
  /** That of the first failure. */
  readonly exitCode: number
}

/** Does something for each name in turn. A failure is said and does not keep the rest from being done; cancelling does. */
export async function forEachName<Result>(
  ctx: CommandContext,
  names: readonly string[],
  action: (name: string) => Promise<Result>,
): Promise<Outcome<Result>> {
  const done: Result[] = []
  const failures: Array<{ name: string; error: SomaError }> = []
  for (const name of names) {
    try {
      done.push(await action(name))
    } catch (thrown) {
      if (ctx.signal.aborted || names.length === 1) throw thrown
      const error = toSomaError(thrown)
      failures.push({ name, error })
      if (ctx.globals.json !== true) ctx.terminal.note(formatError(error, ctx.terminal))
    }
  }
  const [first] = failures
  return {
    done,
    failed: failures.map(({ name, error: { code, message } }) => ({ name, code, message })),
    exitCode: first === undefined ? 0 : errorCodes[first.error.code].exit,
  }
}
