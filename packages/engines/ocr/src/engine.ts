import type { Engine, EngineContext, EngineSupport, LoadOptions, LoadedModel, MemoryEstimate, ModelPackage } from '@soma/spec'
import { throwIfAborted } from '@soma/core'
import { messageOf } from './errors.ts'
import { descriptor } from './index.ts'
import { parseSettings } from './options.ts'

/** Node.js with onnxruntime and libvips, before any model. */
const RUNTIME_BYTES = 110e6
/** What a session holds for one byte of its file: the graph and its packed weights. */
const BYTES_PER_FILE_BYTE = 3
/** Activations of the detector for one pixel of its picture. */
const BYTES_PER_DETECTION_PIXEL = 200

/** The engine of `ocr`. Its libraries are loaded by its first use, so that asking for it costs nothing. */
export function createEngine(): Engine {
  return { descriptor, probe, estimate, load }
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
  const fileBytes = pkg.files.filter(({ path }) => Object.values(pkg.roles).includes(path)).reduce((sum, file) => sum + file.sizeBytes, 0)
  return { residentBytes: RUNTIME_BYTES + fileBytes * BYTES_PER_FILE_BYTE + detectionPixels * BYTES_PER_DETECTION_PIXEL }
}

async function load(pkg: ModelPackage, options: LoadOptions, { signal, log }: EngineContext): Promise<LoadedModel> {
  const settings = parseSettings(options.settings)
  const [{ loadModels }, { OcrModel }] = await Promise.all([import('./load.ts'), import('./run.ts')])
  throwIfAborted(signal)
  const models = await loadModels(pkg, settings, options)
  log.debug('models are loaded', { package: pkg.name, characters: models.alphabet.length })
  return new OcrModel(models)
}
