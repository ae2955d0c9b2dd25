import type { GgufInsights, Llama } from 'node-llama-cpp'
import { type LoadOptions, type MemoryEstimate, type ModelPackage, packageFile } from '@soma/spec'
import { loadFailed, messageOf } from './errors.ts'
import { PROCESS_BYTES } from './limits.ts'
import { findFile, readSettings, type Settings } from './options.ts'
import { type Plan, contextBytes, planLoad, smallerPlans, trainedLength } from './plan.ts'
import { type Library, type Runtime, readDevice } from './runtime.ts'

/** What is known of a model before it is loaded. */
export interface Header {
  readonly library: Library
  readonly llama: Llama
  readonly settings: Settings
  readonly path: string
  readonly insights: GgufInsights
  readonly plan: Plan
}

/** @throws {SomaError} `model/load-failed` for a file that is no GGUF, `config/invalid`, `engine/missing`. */
export async function readHeader(runtime: Runtime, pkg: ModelPackage, options: LoadOptions): Promise<Header> {
  const settings = readSettings(options.settings)
  const { path } = packageFile(pkg, 'model')
  const { gpu, index } = readDevice(options.device)
  const llama = await runtime.llama(gpu, index)
  const library = await runtime.library()
  // By its path in the package's folder: the other parts of a model in several files are looked for beside it.
  const insights = await readInsights(library, llama, findFile(pkg, path))
  return { library, llama, settings, path, insights, plan: planLoad(library, pkg, { insights, settings, gpu }) }
}

export async function readInsights(library: Library, llama: Llama, path: string): Promise<GgufInsights> {
  try {
    const info = await library.readGgufFileInfo(path, { sourceType: 'filesystem', logWarnings: false })
    return await library.GgufInsights.from(info, llama)
  } catch (cause) {
    throw loadFailed(path, messageOf(cause), cause)
  }
}

/** Computed by llama.cpp itself from the header: what it will allocate, without allocating it. */
export async function estimate(runtime: Runtime, pkg: ModelPackage, options: LoadOptions): Promise<MemoryEstimate> {
  const header = await readHeader(runtime, pkg, options)
  const whole = await planBytes(pkg, header, { options, plan: header.plan })
  const smaller = []
  for (const plan of smallerPlans(header.plan, trainedLength(header.insights))) {
    const { residentBytes } = await planBytes(pkg, header, { options, plan })
    const { contextLength, sequences, use } = plan
    smaller.push({ settings: { contextLength, ...(use === 'generate' && { sequences }) }, residentBytes })
  }
  return { ...whole, smaller }
}

async function planBytes(
  pkg: ModelPackage,
  header: Header,
  { options, plan }: { readonly options: LoadOptions; readonly plan: Plan },
): Promise<MemoryEstimate> {
  const { insights, settings } = header
  const model = await insights.estimateModelResourceRequirementsV2({ gpuLayers: plan.gpuLayers, useMmap: settings.memoryMap })
  const context = await contextBytes(insights, plan)
  const residentBytes = Math.ceil(PROCESS_BYTES + model.cpuRam + context.cpuRam + (await draftBytes(pkg, header, plan)))
  const deviceBytes = Math.ceil(model.gpuVram + context.gpuVram)
  return { residentBytes, ...(deviceBytes > 0 && options.device !== undefined && { deviceBytes: { [options.device]: deviceBytes } }) }
}

/** The small model that guesses runs on the CPU, with the contexts of the large one. */
async function draftBytes(pkg: ModelPackage, { library, llama, settings }: Header, plan: Plan): Promise<number> {
  if (settings.draftModel === undefined) return 0
  const insights = await readInsights(library, llama, findFile(pkg, settings.draftModel))
  const model = await insights.estimateModelResourceRequirementsV2({ gpuLayers: 0, useMmap: settings.memoryMap })
  return model.cpuRam + (await contextBytes(insights, { ...plan, gpuLayers: 0 })).cpuRam
}
