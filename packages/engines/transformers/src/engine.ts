import { SomaError } from '@soma/core'
import type { Engine, EngineSupport, LoadOptions, MemoryEstimate, ModelPackage } from '@soma/spec'
import { messageOf } from './errors.ts'
import { descriptor } from './index.ts'
import type { Library } from './library.ts'
import { PROCESS_BYTES, WEIGHT_FACTORS } from './limits.ts'
import { type ModelDtype, readSettings } from './options.ts'
import { findParts } from './package-files.ts'

export interface TransformersDeps {
  /** Loads the library; rejects where its native parts are missing. */
  readonly importLibrary: () => Promise<Library>
  /** A seed for answers that nobody wants again: an integer in [0, 2³²). */
  readonly randomSeed: () => number
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
}

/** The engine of `transformers`. Its libraries are loaded by its first use, so that asking for it costs nothing. */
export function createEngine(deps: TransformersDeps): Engine {
  let library: Promise<Library> | undefined
  const importOnce = (): Promise<Library> => (library ??= deps.importLibrary())
  return {
    descriptor,
    probe: () => importOnce().then(supported, unsupported),
    estimate,
    async load(pkg, options, ctx) {
      const library = await importOnce().catch((cause: unknown) => {
        throw new SomaError('engine/missing', unsupported(cause).reason, { cause })
      })
      const { load } = await import('./load.ts')
      return load({ ...deps, library }, pkg, options, ctx)
    },
  }
}

function estimate(pkg: ModelPackage, options: LoadOptions): MemoryEstimate {
  const { parts } = findParts(pkg, readSettings(options.settings))
  const weightBytes = parts.reduce((sum, { file, dtype }) => sum + (file.sizeBytes + externalBytes(pkg, file.path)) * factorOf(dtype), 0)
  return { residentBytes: Math.ceil(PROCESS_BYTES + weightBytes) }
}

function factorOf(dtype: ModelDtype): number {
  if (dtype === 'fp32') return WEIGHT_FACTORS.full
  return dtype === 'fp16' ? WEIGHT_FACTORS.half : WEIGHT_FACTORS.packed
}

/** Weights in files of their own beside the model: `model.onnx_data`, `model.onnx_data_1`. */
function externalBytes({ files }: ModelPackage, path: string): number {
  return files.filter((file) => file.path.startsWith(`${path}_data`)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function supported(): EngineSupport {
  return { supported: true, reason: '', devices: ['cpu'] }
}

function unsupported(cause: unknown): EngineSupport {
  const why = messageOf(cause).split('\n')[0]
  const reason = `onnxruntime-node or sharp has no build for this machine, or is not installed (\`npm install\`): ${why}`
  return { supported: false, reason, devices: [] }
}
