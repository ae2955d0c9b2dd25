import { join } from 'node:path'
import process from 'node:process'
import { SomaError, isSomaError } from '@soma/core'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { descriptor } from './index.ts'
import { findInterpreter } from './interpreter.ts'
import { readOptions } from './options.ts'
import { type PythonFolders, pythonCommand } from './run.ts'

const options = readOptions(process.env)
try {
  const interpreter = await findInterpreter(options)
  const { file, args, env } = pythonCommand(interpreter, folders(), { descriptor, env: process.env })
  // Python takes this process's place: same pid, same pipes, and nothing of Node stays in memory.
  if (!process.execve) throw new SomaError('engine/missing', `the python engine does not run on ${process.platform}`)
  process.execve(file, args, env)
} catch (error) {
  if (!isSomaError(error)) throw error
  await runEngineMain(createEngine(error, options.managed))
}

/** In the repository beside the sources; in a build, which puts both below `engines/python`, beside the program. */
function folders(): PythonFolders {
  const here = import.meta.dirname
  const isSource = import.meta.filename.endsWith('.ts')
  return isSource
    ? { engine: join(here, '..', 'python'), sdk: join(here, '..', '..', '..', '..', 'sdks', 'python') }
    : { engine: join(here, 'python', 'engine'), sdk: join(here, 'python', 'sdk') }
}
