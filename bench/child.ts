import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A reference program in a process of its own, as ours is. */
export interface ReferenceChild extends AsyncDisposable {
  /** The first line it wrote. */
  readonly line: string
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
}

export async function startReference(
  name: string,
  args: readonly string[],
  options: { readonly waitsForLine: boolean } = { waitsForLine: true },
): Promise<ReferenceChild> {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    process.execPath,
    [join(import.meta.dirname, 'reference', `${name}.ts`), ...args],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const line = options.waitsForLine ? String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim() : ''
  return {
    line,
    pid: child.pid ?? 0,
    stdin: child.stdin,
    stdout: child.stdout,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}
