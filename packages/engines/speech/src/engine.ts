import { SomaError } from '@soma/core'
import {
  type Check,
  type Engine,
  type EngineSupport,
  type LoadOptions,
  type MemoryEstimate,
  type ModelPackage,
  packageFile,
} from '@soma/spec'
import { messageOf } from './errors.ts'
import { descriptor } from './index.ts'
import { FILE_FACTOR, PROCESS_BYTES } from './limits.ts'
import { type LoadDeps, load } from './load.ts'
import { readSettings } from './options.ts'
import type { Sherpa } from './sherpa.ts'
import { espeakFolder } from './voice-kinds.ts'

export interface SpeechDeps extends Omit<LoadDeps, 'sherpa'> {
  /** Loads sherpa-onnx-node; rejects where its native part is missing. */
  readonly importSherpa: () => Promise<Sherpa>
}

/** The engine of speech. Its library is loaded by its first use, so that asking for it costs nothing. */
export function createEngine(deps: SpeechDeps): Engine {
  let sherpa: Promise<Sherpa> | undefined
  const importOnce = (): Promise<Sherpa> => (sherpa ??= deps.importSherpa())
  return {
    descriptor,
    probe: () => importOnce().then(supported, unsupported),
    estimate,
    async load(pkg, options, ctx) {
      if (options.device !== undefined && options.device !== 'cpu')
        throw new SomaError('model/unsupported', `the speech engine runs on the CPU only, not on ${options.device}`)
      const sherpa = await importOnce().catch((cause: unknown) => {
        throw new SomaError('engine/missing', unsupported(cause).reason, { cause })
      })
      return load({ ...deps, sherpa }, pkg, options, ctx)
    },
  }
}

function estimate(pkg: ModelPackage, options: LoadOptions): MemoryEstimate {
  readSettings(options.settings)
  const fileBytes = Object.keys(pkg.roles).reduce((sum, role) => sum + packageFile(pkg, role).sizeBytes, 0)
  return { residentBytes: Math.ceil(PROCESS_BYTES + FILE_FACTOR * fileBytes) }
}

async function supported(): Promise<EngineSupport> {
  return { supported: true, reason: '', devices: ['cpu'], checks: [await espeakCheck()] }
}

/** Voices that bring no data of their own need the system's. */
async function espeakCheck(): Promise<Check> {
  const check = { id: 'espeak-ng-data', title: 'Data of espeak-ng, for voices that bring none' }
  try {
    return { ...check, status: 'ok', detail: await espeakFolder(undefined, readSettings({})) }
  } catch (error) {
    return { ...check, status: 'warn', detail: messageOf(error), remedy: 'apt install espeak-ng-data' }
  }
}

function unsupported(cause: unknown): EngineSupport {
  const why = messageOf(cause).split('\n')[0]
  const reason = `sherpa-onnx-node cannot be loaded (${why}); install it with: npm install sherpa-onnx-node@1.13.8`
  return { supported: false, reason, devices: [] }
}
