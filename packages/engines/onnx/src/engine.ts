import { SomaError } from '@soma/core'
import { type Engine, type EngineSupport, packageFile } from '@soma/spec'
import { messageOf } from './errors.ts'
import { numbered } from './devices.ts'
import { descriptor } from './index.ts'
import { load } from './load.ts'
import { memoryOf } from './memory.ts'
import { readSettings } from './options.ts'
import { probe } from './probe.ts'
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
    probe: (host) => importOnce().then((runtime) => probe(runtime, host), unsupported),
    estimate(pkg, options) {
      readSettings(options.settings)
      packageFile(pkg, 'model')
      return memoryOf(pkg, numbered(options.device ?? 'cpu'))
    },
    async load(pkg, options, ctx) {
      const runtime = await importOnce().catch((cause: unknown) => {
        throw new SomaError('model/unsupported', unsupported(cause).reason, { cause })
      })
      return load({ ...deps, runtime }, pkg, options, ctx)
    },
  }
}

function unsupported(cause: unknown): EngineSupport {
  const why = messageOf(cause).split('\n')[0]
  const reason = `onnxruntime-node cannot be loaded (${why}); install it with: npm install onnxruntime-node@1.30.0`
  return { supported: false, reason, devices: [] }
}
