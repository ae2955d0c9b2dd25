import type { EngineContext, ModelPackage, Signature, Tensor } from '@soma/spec'
import { type NamedTensorMap, type Tensor as TfTensor, engine } from '@tensorflow/tfjs-core'
import { messageOf, runFailed } from './errors.ts'
import type { Settings } from './options.ts'
import type { TensorModel } from './run.ts'
import { giveBack, useBackend } from './tfjs.ts'
import { readTfjs } from './tfjs-files.ts'
import { type TfModel, loadGraph } from './tfjs-graph.ts'
import { loadLayers } from './tfjs-layers.ts'
import { fromTf, toTf } from './tfjs-tensors.ts'

/** @throws {SomaError} `model/load-failed`, `model/unsupported`, `engine/failed`. */
export async function loadTfjs(pkg: ModelPackage, { backend }: Settings): Promise<TensorModel> {
  const files = await readTfjs(pkg)
  await useBackend(backend === 'cpu' ? 'cpu' : 'wasm')
  try {
    const model = await (files.kind === 'graph' ? loadGraph(files) : loadLayers(files))
    return new TfjsModel(model, backend === 'auto')
  } catch (error) {
    giveBack()
    throw error
  }
}

class TfjsModel implements TensorModel {
  readonly signature: Signature
  readonly #model: TfModel
  /** Whether JavaScript may step in for an operator that WebAssembly has not. */
  #mayFallBack: boolean

  constructor(model: TfModel, mayFallBack: boolean) {
    this.#model = model
    this.#mayFallBack = mayFallBack
    this.signature = model.signature
  }

  async run(inputs: readonly Tensor[], outputs: readonly string[], ctx: EngineContext): Promise<readonly Tensor[]> {
    try {
      return await this.#execute(inputs, outputs)
    } catch (error) {
      if (!this.#mayFallBack || !/[Kk]ernel '\w+' not registered for backend 'wasm'/.test(messageOf(error)))
        throw runFailed('TensorFlow.js', error)
      this.#mayFallBack = false
      ctx.log.warn('an operator is not there in WebAssembly: the model goes on in JavaScript, more slowly', { error: messageOf(error) })
      await useBackend('cpu')
      return await this.run(inputs, outputs, ctx)
    }
  }

  [Symbol.dispose](): void {
    this.#model.dispose()
    giveBack()
  }

  async #execute(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    const feed: NamedTensorMap = {}
    let results: readonly TfTensor[] = []
    // A scope by hand, because those of the library end before what is asynchronous: it takes away what an operator that threw left.
    engine().startScope()
    try {
      for (const tensor of inputs) feed[tensor.name] = toTf(tensor)
      results = await this.#model.execute(feed, outputs)
      return results.map((result, at) => fromTf(outputs[at] ?? '', result))
    } finally {
      engine().endScope()
    }
  }
}
