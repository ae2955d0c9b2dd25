import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { SomaError } from '@soma/core'
import { childEnvironment } from '../child-env.ts'
import type { CommandLine } from '../lifeline.ts'
import { type SandboxFolders, bubblewrap, noFolders } from './bubblewrap.ts'

const execute = promisify(execFile)

/** Confines command lines. */
export interface Sandbox {
  /**
   * @param folders what this process may see beside what all may.
   * @throws {SomaError} `engine/missing` when bubblewrap is not installed, or the kernel does not let it work.
   */
  wrap(command: CommandLine, folders?: SandboxFolders): Promise<CommandLine>
}

/**
 * Confines processes with bubblewrap. Whether it works is tried before the first, until it does.
 * @param readOnly what every process may read: programs, not data.
 */
export function createSandbox(readOnly: readonly string[], env: Readonly<Record<string, string | undefined>>): Sandbox {
  let tried: Promise<void> | undefined
  return {
    async wrap(command, { readOnly: own, writable } = noFolders) {
      tried ??= tryOut(childEnvironment(env)).catch((error: unknown) => {
        // It may be installed meanwhile.
        tried = undefined
        throw error
      })
      await tried
      // What is bound must be there before it is filled.
      for (const path of writable) mkdirSync(path, { recursive: true, mode: 0o700 })
      return bubblewrap(command, { readOnly: [...readOnly, ...own], writable })
    },
  }
}

async function tryOut(env: Record<string, string>): Promise<void> {
  const [program, ...args] = bubblewrap(['true'], noFolders)
  try {
    await execute(program, args, { env })
  } catch (cause) {
    const { code, stderr } = cause as { readonly code?: unknown; readonly stderr?: string }
    const what =
      code === 'ENOENT'
        ? 'bubblewrap is not installed; install it, e.g. apt install bubblewrap'
        : `bubblewrap does not work here (${stderr?.trim() || 'it gave no reason'}); the kernel must allow user namespaces`
    throw new SomaError('engine/missing', `engines may only run confined, and ${what}, or set engines.sandbox to off`, { cause })
  }
}
