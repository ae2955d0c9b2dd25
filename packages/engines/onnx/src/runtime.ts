import type { InferenceSession, Tensor } from 'onnxruntime-node'

export type OrtSession = InferenceSession
export type OrtTensor = Tensor

/** What the engine uses of onnxruntime-node. */
export interface OrtRuntime {
  readonly InferenceSession: { create(model: string | Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> }
  /** Execution providers that the library was built with; whether one starts only a session tells. */
  readonly listSupportedBackends: () => ReadonlyArray<{ readonly name: string }>
  readonly Tensor: new (type: Tensor.Type, data: OrtData, dims: readonly number[]) => Tensor
}
export type OrtData = Tensor.DataTypeMap[Tensor.Type]

/**
 * Loads the library, native part included.
 *
 * Version 1.30 fails on float16 where JavaScript has `Float16Array`: its Tensor then makes one of the data, which its native
 * half does not know ("not enough space: expected 8, got 0"). It decides when the first Tensor is made; without `Float16Array`
 * it takes `Uint16Array`, which both halves know. So the global is hidden for that moment.
 */
export async function importRuntime(): Promise<OrtRuntime> {
  const runtime = await import('onnxruntime-node')
  runtime.env.logLevel = 'error'
  const float16Array = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array')
  Reflect.deleteProperty(globalThis, 'Float16Array')
  try {
    void new runtime.Tensor('uint8', new Uint8Array(0), [0])
  } finally {
    if (float16Array) Object.defineProperty(globalThis, 'Float16Array', float16Array)
  }
  return runtime
}
