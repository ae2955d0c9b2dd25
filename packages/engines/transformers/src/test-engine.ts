import assert from 'node:assert/strict'
import process from 'node:process'
import { silentLog } from '@soma/core'
import {
  type EmbedRequest,
  type GenerateRequest,
  type GenerateResult,
  type LoadOptions,
  type LoadedModel,
  type Tensor,
  type TensorValue,
  decodeValues,
  encodeStrings,
} from '@soma/spec'
import { type ModelFixture, layOut } from '@soma/testkit/engine'
import { createEngine } from './engine.ts'
import { importLibrary } from './library.ts'

export const engine = createEngine({ importLibrary, randomSeed: () => 7, residentBytes: () => process.memoryUsage.rss() })
export const ctx = { signal: new AbortController().signal, log: silentLog }

/** What a test asks a model. */
export interface Asked {
  readonly model: LoadedModel
  readonly infer: (...inputs: readonly Tensor[]) => Promise<readonly Tensor[]>
  readonly generate: (request: GenerateRequest, signal?: AbortSignal) => Promise<Answer>
  readonly embed: (request: Partial<EmbedRequest> & Pick<EmbedRequest, 'input'>) => Promise<number[][]>
}

interface Answer {
  readonly text: string
  readonly pieces: readonly string[]
  readonly result: GenerateResult
}

/** Loads a fixture for the time of a test. */
export async function withModel(
  fixture: ModelFixture,
  use: (asked: Asked) => Promise<void>,
  options: Partial<LoadOptions> = {},
): Promise<void> {
  await using folder = await layOut(fixture)
  await using model = await engine.load(folder.pkg, { threads: 1, settings: fixture.settings ?? {}, ...options }, ctx)
  await use({
    model,
    infer: async (...inputs) => (await model.infer?.({ inputs }, ctx))?.outputs ?? [],
    generate: (request, signal = ctx.signal) => collect(model, request, signal),
    embed: async (request) => {
      const { shape, data } = (await model.embed?.({ normalize: true, ...request }, ctx))?.embeddings ?? {
        shape: [0, 0],
        data: new Uint8Array(),
      }
      const numbers = decodeValues('float32', data) as number[]
      return Array.from({ length: shape[0] ?? 0 }, (_, index) => numbers.slice(index * (shape[1] ?? 0), (index + 1) * (shape[1] ?? 0)))
    },
  })
}

async function collect(model: LoadedModel, request: GenerateRequest, signal: AbortSignal): Promise<Answer> {
  const pieces: string[] = []
  const stream = model.generate?.(request, { ...ctx, signal })
  for (let step = await stream?.next(); step; step = await stream?.next()) {
    if (step.done === true) return { text: pieces.join(''), pieces, result: step.value }
    pieces.push(step.value.text)
  }
  throw new Error('the model does not generate')
}

/** The values of an output. */
export function values(outputs: readonly Tensor[], name: string): TensorValue[] {
  const output = outputs.find((tensor) => tensor.name === name)
  return output ? decodeValues(output.dtype, output.data) : []
}

/** An input of strings. */
export function texts(name: string, ...of: readonly string[]): Tensor {
  return { name, dtype: 'string', shape: [of.length], data: encodeStrings(of) }
}

/** An input of one string. */
export function text(name: string, of: string): Tensor {
  return texts(name, of)
}

/** Numbers are equal but for what float32 cannot hold. */
export function near(actual: readonly unknown[], expected: readonly number[], within = 1e-5): void {
  assert.equal(actual.length, expected.length, `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  for (const [index, value] of expected.entries())
    assert.ok(Math.abs(Number(actual[index]) - value) <= within, `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
}
