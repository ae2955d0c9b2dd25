import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { compileFunction } from 'node:vm'
import { z } from 'zod'

/** A C++ object in WebAssembly, which is there until it is deleted. */
export interface LiteObject {
  delete(): void
}
export interface LiteVector<Item> extends LiteObject {
  size(): number
  get(index: number): Item
  push_back(item: Item): void
}
export interface LiteType extends LiteObject {
  elementType(): { readonly value: number }
  layout(): LiteObject & { dimensions(): LiteVector<number> }
  bytes(): number
}
export interface LiteSignature extends LiteObject {
  key(): string
  inputNames(): LiteVector<string>
  outputNames(): LiteVector<string>
}
export interface LiteLoaded extends LiteObject {
  getNumSignatures(): number
  getSignature(index: number): LiteSignature
  getInputTensorType(signature: number, index: number): LiteType
  getOutputTensorType(signature: number, index: number): LiteType
}
export interface LiteBuffer extends LiteObject {
  lock(mode: unknown): number
  unlock(): void
  packedSize(): number
  tensorType(): LiteType
}
export interface LiteCompiled extends LiteObject {
  run(signature: number, inputs: readonly LiteBuffer[]): LiteBuffer[] | Promise<LiteBuffer[]>
}
/** What the engine uses of LiteRT's WebAssembly module. */
export interface LiteModule {
  readonly HEAPU8: Uint8Array
  _malloc(sizeBytes: number): number
  _free(pointer: number): void
  readonly LiteRtEnvironment: { create(device: null): LiteObject }
  loadModel(environment: LiteObject, pointer: number, sizeBytes: number): LiteLoaded
  compileModel(environment: LiteObject, model: LiteLoaded, options: object): LiteCompiled | Promise<LiteCompiled>
  readonly LiteRtTensorBuffer: { createManaged(environment: LiteObject, kind: unknown, type: LiteType, sizeBytes: number): LiteBuffer }
  readonly LiteRtTensorBufferType: { readonly HOST_MEMORY: unknown }
  readonly LiteRtTensorBufferLockMode: { readonly READ: unknown; readonly WRITE: unknown }
}

type Factory = (options: { readonly wasmBinary: Uint8Array; readonly print: Print; readonly printErr: Print }) => Promise<LiteModule>
type Print = (text: string) => void

/** Builds with and without relaxed SIMD, best first. */
const builds = ['litert_wasm_internal', 'litert_wasm_compat_internal'] as const

/** Where the scripts of LiteRT's builds lie. @throws when it is not installed. */
export function wasmFiles(): string[] {
  const { resolve } = createRequire(import.meta.url)
  return builds.map((name) => resolve(`@litertjs/core/wasm/${name}.js`))
}

/**
 * Starts LiteRT anew, in memory of its own: what one model breaks is gone with it.
 * Its own loader wants a browser or a worker of one, and Node takes its script for an ES module, which it is not.
 * @param log takes what the library prints.
 */
export async function startLite(log: Print): Promise<LiteModule> {
  const [best = '', other = ''] = wasmFiles()
  // A machine that does not know relaxed SIMD refuses the first.
  return await start(best, log).catch(() => start(other, log))
}

async function start(script: string, log: Print): Promise<LiteModule> {
  const module: { exports: unknown } = { exports: {} }
  const run = compileFunction(await readFile(script, 'utf8'), ['require', 'module', 'exports', '__filename', '__dirname'], {
    filename: script,
  })
  run(createRequire(import.meta.url), module, module.exports, script, dirname(script))
  const factory = z.custom<Factory>((value) => typeof value === 'function').parse(module.exports)
  return factory({ wasmBinary: await readFile(script.replace(/\.js$/, '.wasm')), print: log, printErr: log })
}
