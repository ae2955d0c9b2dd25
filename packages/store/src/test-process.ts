import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface TestProcess extends AsyncDisposable {
  /** Lines it has said so far. */
  readonly lines: readonly string[]
  /** Resolves when it has said `count` lines, or ended. */
  said(count: number): Promise<void>
  /** `kill -9`; resolves when it is gone and all it said was read. */
  kill(): Promise<void>
}

/** Starts `test-child.ts` with a task on the store in `directory`. */
export function startProcess(task: string, directory: string): TestProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'test-child.ts'), task, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const closed = once(child, 'close')
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    for (const wake of waiting) wake()
  })
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await closed
  }
  return {
    lines,
    said: async (count) => {
      while (lines.length < count) {
        const { promise, resolve } = Promise.withResolvers<unknown>()
        waiting.add(() => resolve(true))
        if ((await Promise.race([promise, closed.then(() => 'closed')])) === 'closed') break
        waiting.clear()
      }
    },
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
