import {
  type Engine,
  type EngineContext,
  type EngineSupport,
  type LoadOptions,
  type LoadedModel,
  type MemoryEstimate,
  type ModelPackage,
  packageFile,
} from '@soma/spec'
import { throwIfAborted } from '@soma/core'
import { messageOf } from './errors.ts'
import { descriptor } from './index.ts'
import { DETECTION_BYTES_PER_PIXEL, FILE_FACTOR, PROCESS_BYTES } from './limits.ts'
import { parseSettings } from './options.ts'

export interface OcrDeps {
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
}

/** The engine of `ocr`. Its libraries are loaded by its first use, so that asking for it costs nothing. */
export function createEngine(deps: OcrDeps): Engine {
  return { descriptor, probe, estimate, load: (pkg, options, ctx) => load(deps, pkg, { options, ctx }) }
}

async function probe(): Promise<EngineSupport> {
  try {
    await import('./load.ts')
    return { supported: true, reason: '', devices: ['cpu'] }
  } catch (error) {
    const reason = `onnxruntime-node or sharp has no build for this machine, or is not installed (\`npm install\`): ${messageOf(error)}`
    return { supported: false, reason, devices: [] }
  }
}

function estimate(pkg: ModelPackage, options: LoadOptions): MemoryEstimate {
  const { detectionPixels } = parseSettings(options.settings)
  const fileBytes = Object.keys(pkg.roles).reduce((sum, role) => sum + packageFile(pkg, role).sizeBytes, 0)
  return { residentBytes: PROCESS_BYTES + fileBytes * FILE_FACTOR + detectionPixels * DETECTION_BYTES_PER_PIXEL }
}

async function load(
  deps: OcrDeps,
  pkg: ModelPackage,
  { options, ctx }: { options: LoadOptions; ctx: EngineContext },
): Promise<LoadedModel> {
  const settings = parseSettings(options.settings)
  const [{ loadModels }, { OcrModel }] = await Promise.all([import('./load.ts'), import('./run.ts')])
  throwIfAborted(ctx.signal)
  const models = await loadModels(pkg, settings, options)
  ctx.log.debug('models are loaded', { package: pkg.name, characters: models.alphabet.length })
  return new OcrModel(models, deps)
}
