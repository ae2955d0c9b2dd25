import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Runs a program of `node_modules/.bin`, showing its output; ends this process with its exit code if it fails. */
export async function run(what: string, [program = '', ...args]: readonly string[]): Promise<void> {
  const started = performance.now()
  const child = spawn(join(root, 'node_modules', '.bin', program), args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  console.log(`# ${what}: ${code === 0 ? 'ok' : 'FAILED'} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  if (code !== 0) process.exit(code ?? 1)
}
