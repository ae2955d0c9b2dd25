import { type Engine, type EngineSupport, type LoadOptions, type MemoryEstimate, type ModelPackage, packageFile } from '@soma/spec'
import { messageOf } from './errors.ts'
import { descriptor } from './index.ts'
import { TFJS_PROCESS_BYTES, TFJS_WEIGHT_FACTOR, TFLITE_PROCESS_BYTES, TFLITE_WEIGHT_FACTOR } from './limits.ts'
import { load } from './load.ts'
import { readSettings } from './options.ts'
import type { RunDeps } from './run.ts'

/** The engine of TensorFlow.js and TensorFlow Lite models. */
export function createEngine(deps: RunDeps): Engine {
  return { descriptor, probe, estimate, load: (pkg, options, ctx) => load(deps, pkg, options, ctx) }
}

async function probe(): Promise<EngineSupport> {
  try {
    await import('./tfjs.ts').then(({ wasmFolder }) => wasmFolder())
    await import('./lite.ts').then(({ wasmFiles }) => wasmFiles())
    return { supported: true, reason: '', devices: ['cpu'] }
  } catch (error) {
    const reason = `@tensorflow/tfjs-backend-wasm or @litertjs/core is not installed (\`npm install\`): ${messageOf(error)}`
    return { supported: false, reason, devices: [] }
  }
}

/** All files: weights lie beside `model.json`, and what is not weights is small. */
function estimate(pkg: ModelPackage, options: LoadOptions): MemoryEstimate {
  readSettings(options.settings)
  const model = packageFile(pkg, 'model')
  if (/\.(tflite|lite)$/i.test(model.path))
    return { residentBytes: Math.ceil(TFLITE_PROCESS_BYTES + TFLITE_WEIGHT_FACTOR * model.sizeBytes) }
  const bytes = pkg.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { residentBytes: Math.ceil(TFJS_PROCESS_BYTES + TFJS_WEIGHT_FACTOR * bytes) }
}
