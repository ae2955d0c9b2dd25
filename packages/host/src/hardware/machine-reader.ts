import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { childEnvironment } from '../child-env.ts'
import { type Machine, thisMachine } from '../facts.ts'
import { listFolder } from './list-folder.ts'
import { PROGRAM_MS_MAX, PROGRAM_OUTPUT_BYTES_MAX } from './limits.ts'

/** All that looking at hardware may ask of a machine; tests give a recorded one. */
export interface MachineReader extends Machine {
  /** Names in a folder, sorted; empty when there is none. */
  readonly list: (path: string) => readonly string[]
  readonly exists: (path: string) => boolean
  /** What a program prints; undefined when it is not installed, fails, or takes too long. */
  readonly run: (command: readonly [string, ...string[]]) => Promise<string | undefined>
}

const execute = promisify(execFile)

/** The machine this process runs on. */
export function readThisMachine(env: Readonly<Record<string, string | undefined>>): MachineReader {
  const machine = thisMachine()
  const environment = childEnvironment(env, { LC_ALL: 'C' })
  return {
    ...machine,
    // A spread copies what it was; free memory changes.
    get memoryFreeBytes() {
      return machine.memoryFreeBytes
    },
    list: listFolder,
    exists: existsSync,
    run: async ([program, ...args]) => {
      try {
        const options = { env: environment, timeout: PROGRAM_MS_MAX, maxBuffer: PROGRAM_OUTPUT_BYTES_MAX, killSignal: 'SIGKILL' } as const
        return (await execute(program, args, options)).stdout
      } catch {
        return undefined
      }
    },
  }
}
