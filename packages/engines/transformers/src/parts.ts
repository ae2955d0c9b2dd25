import type { InferRequest, InferResponse, LoadedModel, Signature, Tensor, TensorSpec } from '@soma/spec'
import { defined } from '@soma/core'
import type { Library, Model, Processor } from './library.ts'
import type { ModelDtype } from './options.ts'
import { type JsonObject, isObject, numberAt, textAt } from './package-files.ts'
import type { Tokens } from './tokens.ts'

/** A model in memory, and what belongs to it. */
export interface Parts {
  readonly library: Library
  readonly model: Model
  readonly config: JsonObject
  /** Null for tasks without text. */
  readonly tokens: Tokens | null
  /** Null for tasks without pictures or sound. */
  readonly processor: Processor | null
  readonly task: string
  /** Precision of its weights. */
  readonly dtype: ModelDtype
  /** Of Sentence Transformers: how vectors of tokens become one. */
  readonly pooling: Pooling
}

export type Pooling = 'mean' | 'cls' | 'max' | 'mean-sqrt' | 'weighted-mean' | 'last'

/** What a model of some task can be asked. */
export type Abilities = Pick<LoadedModel, 'signature' | 'infer' | 'generate' | 'embed' | 'rerank' | 'transcribe' | 'contextLength'>

/** A model that takes and gives tensors. */
export function inferring(
  signature: Signature,
  run: (inputs: readonly Tensor[], signal: AbortSignal) => Promise<readonly Tensor[]>,
): Abilities {
  const infer = async ({ inputs, outputs }: InferRequest, { signal }: { signal: AbortSignal }): Promise<InferResponse> => {
    const all = await run(inputs, signal)
    return {
      outputs: outputs
        ? outputs.map((name) =>
            defined(
              all.find((tensor) => tensor.name === name),
              'outputs are checked',
            ),
          )
        : all,
    }
  }
  return { signature, infer }
}

export const noTensors: Signature = { inputs: [], outputs: [] }

export function spec(name: string, dtype: TensorSpec['dtype'], shape: readonly number[], description: string): TensorSpec {
  return { name, dtype, shape, description }
}

export function optional(tensor: TensorSpec): TensorSpec {
  return { ...tensor, optional: true }
}

/** The name of a class, as the model's configuration has it. */
export function labelOf(config: JsonObject, index: number): string {
  const labels = config['id2label']
  return (isObject(labels) ? textAt(labels, String(index)) : undefined) ?? `LABEL_${index}`
}

/** How many classes a model has; undefined when its configuration does not say. */
export function labelCount(config: JsonObject): number | undefined {
  const labels = config['id2label']
  return isObject(labels) ? Object.keys(labels).length : numberAt(config, 'num_labels')
}

/** The index of the class whose name is one of these, in any case. */
export function labelIndex(config: JsonObject, ...names: readonly string[]): number | undefined {
  const count = labelCount(config) ?? 0
  const index = Array.from({ length: count }, (_, index) => labelOf(config, index).toLowerCase()).findIndex((name) => names.includes(name))
  return index < 0 ? undefined : index
}
