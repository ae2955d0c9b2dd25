import { execFile } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { type Rejected, pythonMissing } from './errors.ts'
import { CANDIDATES_MAX, PROBE_BYTES_MAX, PROBE_MS_MAX } from './limits.ts'
import { type PythonOptions, candidatePaths } from './options.ts'

const run = promisify(execFile)

/** Names without importing anything: an import takes a second. */
const PROBE = `import importlib.util as u, sys
print(*sys.version_info[:2], *(n for n in ('torch', 'tensorflow', 'keras', 'jax') if u.find_spec(n)))`

interface Asked {
  readonly path: string
  readonly frameworks: readonly string[]
  /** Why it is of no use. */
  readonly why: string | undefined
}

/**
 * The Python to run: the one that was named; else the first with PyTorch, else the first with any framework. Scripts that stand for
 * programs (shims of version managers) are asked only when no program has PyTorch: they take half a second to say anything.
 * @throws {SomaError} `engine/missing` that says what was looked at and what to install.
 */
export async function findInterpreter(options: PythonOptions): Promise<string> {
  if (options.interpreter !== undefined) return options.interpreter
  const asked: Asked[] = []
  const { program = [], script = [] } = Object.groupBy(distinct(candidatePaths(options)), kindOf)
  for (const paths of [program, script]) {
    asked.push(...(await Promise.all(paths.slice(0, CANDIDATES_MAX).map(ask))))
    const best = asked.find(({ frameworks, why }) => why === undefined && frameworks.includes('torch'))
    if (best) return best.path
  }
  const usable = asked.find(({ why }) => why === undefined)
  if (usable) return usable.path
  throw pythonMissing(
    asked.flatMap(({ path, why }): Rejected[] => (why === undefined ? [] : [{ path, why }])),
    options.managed,
  )
}

/** Those that are there, each once: links inside a folder are one program. Links across folders are not, since that is what virtual environments are. */
function distinct(paths: readonly string[]): string[] {
  const byProgram = new Map<string, string>()
  for (const path of paths) {
    const program = programOf(path)
    if (program !== undefined && !byProgram.has(program)) byProgram.set(program, path)
  }
  return [...byProgram.values()]
}

function programOf(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK)
    return `${realpathSync(dirname(path))} ${realpathSync(path)}`
  } catch {
    return undefined
  }
}

/** What cannot be read, a folder of that name too, is asked last. */
function kindOf(path: string): 'program' | 'script' {
  const start = Buffer.alloc(2)
  try {
    const file = openSync(path, 'r')
    try {
      readSync(file, start)
    } finally {
      closeSync(file)
    }
  } catch {
    return 'script'
  }
  return start.toString('latin1') === '#!' ? 'script' : 'program'
}

async function ask(path: string): Promise<Asked> {
  try {
    const { stdout } = await run(path, ['-E', '-B', '-c', PROBE], { timeout: PROBE_MS_MAX, maxBuffer: PROBE_BYTES_MAX })
    const [major = '0', minor = '0', ...frameworks] = stdout.trim().split(' ')
    const isOld = Number(major) < 3 || (Number(major) === 3 && Number(minor) < 10)
    const why = isOld ? `is Python ${major}.${minor}` : frameworks.length === 0 ? 'has no framework' : undefined
    return { path, frameworks, why }
  } catch {
    return { path, frameworks: [], why: 'does not run' }
  }
}
