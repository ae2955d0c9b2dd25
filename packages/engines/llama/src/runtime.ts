import type * as NodeLlamaCpp from 'node-llama-cpp'
import type { Llama, LlamaLogLevel } from 'node-llama-cpp'
import { SomaError } from '@soma/core'
import { messageOf } from './errors.ts'
import { LOG_LINES_KEPT } from './limits.ts'

export type Library = typeof NodeLlamaCpp
/** `false` is the CPU alone. */
export type Gpu = 'cuda' | 'vulkan' | 'metal' | false

export interface RuntimeDeps {
  /** Loads node-llama-cpp; rejects where it is not installed. */
  readonly importLibrary: () => Promise<Library>
  /** Makes only this device of a programming interface visible; to be called before its binary is loaded. */
  readonly selectDevice: (gpu: Exclude<Gpu, false>, index: number) => void
  readonly log: (level: `${LlamaLogLevel}`, message: string) => void
}

/** The library and llama.cpp in it, loaded once: nothing of it can be unloaded from a process. */
export class Runtime {
  readonly #deps: RuntimeDeps
  #library: Promise<Library> | undefined
  readonly #llamas = new Map<Gpu, Promise<Llama>>()
  readonly #devices = new Map<Gpu, number>()
  readonly #lines: string[] = []

  constructor(deps: RuntimeDeps) {
    this.#deps = deps
  }

  library(): Promise<Library> {
    return (this.#library ??= this.#deps.importLibrary())
  }

  /** What llama.cpp logged last as a warning or error, and forgets it. */
  takeLines(): string {
    return this.#lines.splice(0).join(' ').replace(/\s+/g, ' ').trim()
  }

  /** @throws {SomaError} `engine/missing` naming the npm package, `engine/failed` when the process uses another device. */
  async llama(gpu: Gpu, index = 0): Promise<Llama> {
    const used = this.#devices.get(gpu) ?? index
    if (used !== index)
      throw new SomaError('engine/failed', `this process uses ${gpu}:${used}; another device needs another process: unload the model first`)
    const known = this.#llamas.get(gpu)
    if (known) return known
    this.#devices.set(gpu, index)
    const opened = this.#open(gpu, index)
    this.#llamas.set(gpu, opened)
    opened.catch(() => this.#llamas.delete(gpu))
    return opened
  }

  /** Tries a build without starting its devices. @throws {SomaError} `engine/missing` naming the npm package. */
  async canLoad(gpu: Exclude<Gpu, false>): Promise<void> {
    const library = await this.library()
    try {
      await library.getLlama({ gpu, dryRun: true, progressLogs: false })
    } catch (cause) {
      throw missing(gpuPackage(gpu), cause)
    }
  }

  async #open(gpu: Gpu, index: number): Promise<Llama> {
    const library = await this.library().catch((cause: unknown) => {
      throw missing('node-llama-cpp', cause)
    })
    if (gpu !== false) this.#deps.selectDevice(gpu, index)
    try {
      // Threads are exactly those of a context, never the library's own count of cores.
      const logger = (level: LlamaLogLevel, message: string): void => this.#log(level, message)
      const llama = await library.getLlama({ gpu, build: 'never', skipDownload: true, progressLogs: false, maxThreads: 0, logger })
      // Asked for what the platform has not, the library takes the next best in silence.
      if (llama.gpu !== gpu) throw new Error(`there is no build for ${gpu} here`)
      return llama
    } catch (cause) {
      throw missing(gpuPackage(gpu), cause)
    }
  }

  #log(level: `${LlamaLogLevel}`, message: string): void {
    if (level === 'error' || level === 'warn' || level === 'fatal') this.#lines.splice(0, this.#lines.length - LOG_LINES_KEPT + 1)
    if (level === 'error' || level === 'warn' || level === 'fatal') this.#lines.push(message)
    this.#deps.log(level, message)
  }
}

function missing(name: string, cause: unknown): SomaError {
  const why = messageOf(cause).split('\n')[0]
  return new SomaError('engine/missing', `llama.cpp cannot be loaded (${why}); install it with: npm install ${name}@${LIBRARY_VERSION}`, {
    details: { package: name },
    cause,
  })
}

export const LIBRARY_VERSION = '3.22.1'

/** The npm package with the build for an interface, on this kind of machine. */
export function gpuPackage(gpu: Gpu, platform: string = process.platform, arch: string = process.arch): string {
  const system = platform === 'darwin' ? 'mac' : platform === 'win32' ? 'win' : platform
  if (system === 'mac') return `@node-llama-cpp/mac-${arch === 'arm64' ? 'arm64-metal' : 'x64'}`
  return `@node-llama-cpp/${system}-${arch === 'arm' ? 'armv7l' : arch}${gpu === false ? '' : `-${gpu}`}`
}

/** @throws {SomaError} `model/unsupported` for a device that llama.cpp has no build for here. */
export function readDevice(device: string | undefined): { readonly gpu: Gpu; readonly index: number } {
  if (device === undefined || device === 'cpu') return { gpu: false, index: 0 }
  const [, api, index] = /^(cuda|vulkan|metal):(\d+)$/.exec(device) ?? []
  if (api !== undefined) return { gpu: api as Exclude<Gpu, false>, index: Number(index) }
  throw new SomaError('model/unsupported', `device ${device}: the llama engine runs on cpu, cuda:<n>, vulkan:<n> and metal:<n>`)
}
