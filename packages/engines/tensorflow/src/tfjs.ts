import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import '@tensorflow/tfjs-backend-cpu'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { enableProdMode, engine, setBackend } from '@tensorflow/tfjs-core'
import { SomaError } from '@soma/core'

/** Where the WebAssembly files of the backend lie. @throws when it is not installed. */
export function wasmFolder(): string {
  const { resolve } = createRequire(import.meta.url)
  return `${dirname(resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'))}/`
}

/** @throws {SomaError} `engine/failed` when it cannot be started. */
export async function useBackend(name: 'wasm' | 'cpu'): Promise<void> {
  // Without it, the library recommends other packages of its own on the console.
  enableProdMode()
  if (name === 'wasm') setWasmPaths(wasmFolder())
  if (!(await setBackend(name))) throw new SomaError('engine/failed', `TensorFlow.js cannot start its backend "${name}"`)
}

/** Forgets all tensors, and gives back the backends' memory. */
export function giveBack(): void {
  engine().reset()
}
