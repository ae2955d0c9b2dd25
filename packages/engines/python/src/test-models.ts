import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { findInterpreter } from './interpreter.ts'
import { readOptions } from './options.ts'

/** The Python that tests use, and why they cannot where there is none: counted as skipped. */
export interface TestPython {
  readonly interpreter: string | undefined
  /** Why tests of a framework are skipped; false where it is there. */
  skip(framework: string): string | false
}

export async function testPython(): Promise<TestPython> {
  const interpreter = await findInterpreter(readOptions(process.env)).catch(() => undefined)
  // The engines that tests start need not look for it again.
  if (interpreter !== undefined) process.env['SOMA_PYTHON'] = interpreter
  const has = (framework: string): boolean =>
    interpreter !== undefined &&
    runPython(interpreter, ['-c', `import importlib.util; print(importlib.util.find_spec('${framework}') is not None)`]).trim() === 'True'
  return {
    interpreter,
    skip: (framework) => (has(framework) ? false : `no Python with ${framework} here`),
  }
}

function runPython(interpreter: string, args: readonly string[]): string {
  return execFileSync(interpreter, ['-E', '-B', '-W', 'ignore', ...args], { encoding: 'utf8', timeout: 60_000 })
}

/** Files that a script of `python/tests` writes into the folder that is its argument, by name. */
export function madeBy(interpreter: string, script: string, names: readonly string[]): Record<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'soma-python-'))
  try {
    runPython(interpreter, [join(import.meta.dirname, '..', 'python', 'tests', script), folder])
    return Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** TorchScript models whose answers are known. */
export const TORCH_FILES = ['arithmetic.pt', 'table.pt', 'odd.pt', 'linear.pt', 'names.pt', 'weights.pt'] as const

export function torchModels(interpreter: string): Record<string, Uint8Array> {
  return madeBy(interpreter, 'make_models.py', TORCH_FILES)
}
