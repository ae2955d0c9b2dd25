import process from 'node:process'
import { tmpdir } from 'node:os'
import { defined, silentLog } from '@soma/core'
import type { EngineContext, LoadedModel, Segment, SynthesizeRequest, TranscribeRequest, TranscribeResult } from '@soma/spec'
import { type ModelFixture, layOut } from '@soma/testkit/engine'
import { createEngine } from './engine.ts'
import { importSherpa } from './sherpa.ts'

export const engine = createEngine({
  importSherpa,
  collectGarbage: () => undefined,
  residentBytes: () => process.memoryUsage.rss(),
  temporary: tmpdir(),
})
export const ctx: EngineContext = { signal: new AbortController().signal, log: silentLog }

/** Loads a model in this process, for as long as `use` takes. */
export async function withModel(
  fixture: ModelFixture,
  use: (model: LoadedModel) => Promise<void>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await using folder = await layOut(fixture)
  await using model = await engine.load(folder.pkg, { threads: 1, settings }, ctx)
  await use(model)
}

export async function transcribe(
  model: LoadedModel,
  audio: Uint8Array,
  request: Partial<TranscribeRequest> = {},
): Promise<TranscribeResult & { segments: Segment[] }> {
  const events = defined(model.transcribe?.({ audio, translate: false, ...request }, ctx), 'it is a recogniser')
  const segments: Segment[] = []
  for (;;) {
    const step = await events.next()
    if (step.done === true) return { ...step.value, segments }
    segments.push(step.value.segment)
  }
}

/** @returns the pieces as they came. */
export async function synthesize(model: LoadedModel, request: Partial<SynthesizeRequest>, context = ctx): Promise<Float32Array[]> {
  const pieces: Float32Array[] = []
  for await (const { samples } of defined(model.synthesize?.({ text: '', speed: 1, ...request }, context), 'it is a voice'))
    pieces.push(new Float32Array(new Uint8Array(samples.data).buffer))
  return pieces
}
