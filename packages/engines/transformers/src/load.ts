import { join } from 'node:path'
import { throwIfAborted } from '@soma/core'
import type { EngineContext, LoadOptions, LoadedModel, ModelPackage } from '@soma/spec'
import { loadError, loadFailed, unsupported } from './errors.ts'
import type { Library, Model } from './library.ts'
import { type Settings, type TaskName, checkDevice, readSettings, sessionOptions, taskNames } from './options.ts'
import { type JsonObject, type PackageParts, findParts } from './package-files.ts'
import type { Parts } from './parts.ts'
import { prepareDecoder } from './picture.ts'
import { readPooling } from './pooling.ts'
import { openProcessor } from './processor.ts'
import { TransformersRun } from './run.ts'
import { type Task, tasks } from './tasks/tasks.ts'
import { openTokenizer } from './tokenizer.ts'

export interface LoadDeps {
  readonly library: Library
  readonly randomSeed: () => number
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
}

/** @throws {SomaError} `model/load-failed` naming the file; `model/unsupported` naming the task, the precision or the device. */
export async function load(deps: LoadDeps, pkg: ModelPackage, options: LoadOptions, ctx: EngineContext): Promise<LoadedModel> {
  const settings = readSettings(options.settings)
  checkDevice(options)
  const name = taskOf(pkg, settings)
  const task = tasks[name]
  const files = findParts(pkg, settings)
  prepareDecoder(options.threads)
  const beside = await openBeside(deps.library, files, { name, task })
  throwIfAborted(ctx.signal)
  const model = await openModel(deps.library, files, { task, config: beside.config, threads: options.threads })
  try {
    throwIfAborted(ctx.signal)
    return new TransformersRun(deps, model, task.open({ ...beside, library: deps.library, model, task: name }, deps.randomSeed))
  } catch (error) {
    await model.dispose()
    throw error
  }
}

/** The setting counts for more than what the package is said to be for. */
function taskOf(pkg: ModelPackage, { task = pkg.task as TaskName }: Settings): TaskName {
  if (taskNames.includes(task)) return task
  throw unsupported(
    'task',
    `this engine does not know the task ${task}; set the model's setting "task" to one of ${taskNames.join(', ')}`,
    { task },
  )
}

type Beside = Pick<Parts, 'config' | 'tokens' | 'processor' | 'dtype' | 'pooling'>

async function openBeside(library: Library, files: PackageParts, { name, task }: { name: TaskName; task: Task }): Promise<Beside> {
  const config = (await files.json('config.json')) ?? {}
  return {
    config,
    tokens: task.needs.includes('tokenizer') ? await openTokenizer(library, files, { config, task: name }) : null,
    processor: task.needs.includes('processor') ? await openProcessor(library, files) : null,
    dtype: files.parts[0]?.dtype ?? 'fp32',
    pooling: await readPooling(files),
  }
}

interface Wanted {
  readonly task: Task
  readonly config: JsonObject
  readonly threads: number
}

async function openModel(library: Library, files: PackageParts, { task, config, threads }: Wanted): Promise<Model> {
  const kind = String(config['model_type'])
  const [first] = task.models
  const name = task.models.find((name) => library[name].supports(kind)) ?? first
  const [part] = files.parts
  if (!name || !part) throw loadFailed(files.directory, 'it has no model file')
  try {
    return await library[name].from_pretrained(files.directory, {
      local_files_only: true,
      config: { ...config, 'transformers.js_config': ownConfig(config) },
      subfolder: files.subfolder,
      device: 'cpu',
      dtype: Object.fromEntries(files.parts.map(({ stem, dtype }) => [stem, dtype])),
      ...(part.role === 'model' && { model_file_name: part.stem }),
      session_options: sessionOptions(threads),
    })
  } catch (error) {
    throw loadError(join(files.subfolder, part.stem), error)
  }
}

/** What an export says for the library counts, but for which device, which precision and how the session is made. */
function ownConfig(config: JsonObject): object {
  const own = config['transformers.js_config']
  const { kv_cache_dtype, use_external_data_format } = (typeof own === 'object' ? (own ?? {}) : {}) as Record<string, unknown>
  return { kv_cache_dtype, use_external_data_format }
}
