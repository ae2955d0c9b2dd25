import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
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
  return execFileSync(interpreter, ['-E', '-B', '-W', 'ignore', ...args], {
    encoding: 'utf8',
    timeout: 120_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Files that a script of `python/tests` writes into the folder that is its argument, by their paths there. */
function madeBy(interpreter: string, script: string): Record<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'soma-python-'))
  try {
    runPython(interpreter, [join(import.meta.dirname, '..', 'python', 'tests', script), folder])
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const paths = files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    return Object.fromEntries(paths.map((path) => [path, new Uint8Array(readFileSync(join(folder, path)))]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** TorchScript models whose answers are known, and weights without a program. */
export function torchModels(interpreter: string): Record<string, Uint8Array> {
  return madeBy(interpreter, 'make_models.py')
}

/** A model of each other framework that is installed. */
export function frameworkModels(interpreter: string): Record<string, Uint8Array> {
  return madeBy(interpreter, 'make_frameworks.py')
}
