import { isAbsolute, join } from 'node:path'

/** How this machine's Python is chosen. */
export interface PythonOptions {
  /** The one to use, whatever it has: `SOMA_PYTHON`, which the daemon sets from `engines.python`. */
  readonly interpreter: string | undefined
  /** Folder of the virtual environment that Soma's own instructions make. */
  readonly managed: string | undefined
  /** Folders of `PATH`. */
  readonly folders: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

export function readOptions(env: Environment): PythonOptions {
  const { SOMA_PYTHON: interpreter = '', SOMA_PYTHON_ENVIRONMENT: managed = '', PATH: path = '' } = env
  return {
    interpreter: interpreter === '' ? undefined : interpreter,
    managed: managed === '' ? undefined : managed,
    folders: path.split(':').filter((folder) => isAbsolute(folder)),
  }
}

/** Newest first among those that the frameworks support; the plain name last, for whatever the system calls its own. */
const names = ['python3.13', 'python3.12', 'python3.11', 'python3.10', 'python3.14', 'python3']

/** Paths where a Python may be, in the order in which they are preferred. */
export function candidatePaths({ managed, folders }: PythonOptions): string[] {
  const onPath = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return [...(managed === undefined ? [] : [join(managed, 'bin', 'python3')]), ...onPath]
}
