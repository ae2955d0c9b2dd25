import { SomaError } from '@soma/core'
import { type Engine, type EngineSupport, packageFile } from '@soma/spec'
import { descriptor } from './index.ts'
import { PROCESS_BYTES, WEIGHT_FACTOR } from './limits.ts'
import { load } from './load.ts'
import { readSettings } from './options.ts'
import type { OrtRuntime } from './runtime.ts'

export interface OnnxDeps {
  /** Loads onnxruntime-node; rejects where its native part is missing. */
  readonly importRuntime: () => Promise<OrtRuntime>
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
  /** Resolves after so long, and not before what has come in was read. */
  readonly pause: (delayMs: number) => Promise<void>
}

export function createEngine(deps: OnnxDeps): Engine {
  let runtime: Promise<OrtRuntime> | undefined
  const importOnce = (): Promise<OrtRuntime> => (runtime ??= deps.importRuntime())
  return {
    descriptor,
    probe: () => importOnce().then(supported, unsupported),
    estimate(pkg, options) {
      readSettings(options.settings)
      packageFile(pkg, 'model')
      // All files: weights may lie in any of them, and what is not weights is small.
      const weightBytes = pkg.files.reduce((sum, file) => sum + file.sizeBytes, 0)
      return { residentBytes: Math.ceil(PROCESS_BYTES + WEIGHT_FACTOR * weightBytes) }
    },
    async load(pkg, options, ctx) {
      const runtime = await importOnce().catch((cause: unknown) => {
        throw new SomaError('model/unsupported', unsupported(cause).reason, { cause })
      })
      return load({ ...deps, runtime }, pkg, options, ctx)
    },
  }
}

function supported(): EngineSupport {
  return { supported: true, reason: '', devices: ['cpu'] }
}

function unsupported(cause: unknown): EngineSupport {
  const why = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]
  const reason = `onnxruntime-node cannot be loaded (${why}); install it with: npm install onnxruntime-node@1.30.0`
  return { supported: false, reason, devices: [] }
}
