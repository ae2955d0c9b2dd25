import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { SomaError } from '@soma/core'
import type { EngineDescriptor } from '@soma/spec'

/** Where the engine's own Python code is. */
export interface PythonFolders {
  /** The engine's `main.py` and its package. */
  readonly engine: string
  /** `sdks/python`. */
  readonly sdk: string
}

/** What takes this process's place. */
export interface PythonCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * No variable of the environment changes what is imported (`-E`), nothing is written beside the code (`-B`), nothing waits in buffers
 * (`-u`), text is UTF-8 whatever the locale. User packages stay: that is where `pip install torch` without root puts it.
 */
const flags = ['-E', '-B', '-u', '-X', 'utf8']

/** Network and telemetry off: an engine reads the files it is given, and nothing else. */
const quiet = {
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  HF_HUB_DISABLE_TELEMETRY: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  TRANSFORMERS_VERBOSITY: 'error',
  TF_CPP_MIN_LOG_LEVEL: '2',
  KERAS_HOME: '/nonexistent',
  // Every file that PyTorch unpickles holds weights and nothing else, whatever a library asks for.
  TORCH_FORCE_WEIGHTS_ONLY_LOAD: '1',
}

/** @throws {SomaError} `engine/missing` when the interpreter that was named is none. */
export function pythonCommand(
  interpreter: string,
  { engine, sdk }: PythonFolders,
  { descriptor, env }: { readonly descriptor: EngineDescriptor; readonly env: Readonly<Record<string, string | undefined>> },
): PythonCommand {
  checkExecutable(interpreter)
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return {
    file: interpreter,
    args: [interpreter, ...flags, join(engine, 'main.py'), sdk, JSON.stringify(descriptor)],
    env: { ...Object.fromEntries(kept), ...quiet },
  }
}

/** Checked before, because a process that has given its place away can say nothing any more. */
function checkExecutable(interpreter: string): void {
  try {
    accessSync(interpreter, constants.X_OK)
  } catch (cause) {
    throw new SomaError(
      'engine/missing',
      `${interpreter} cannot be run as the engine's Python; soma config set engines.python names another one`,
      { details: { interpreter }, cause },
    )
  }
}
