import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeWav } from '@soma/audio'
import { isSomaError } from '@soma/core'
import type { LoadedModel, Segment, TranscribeRequest, TranscribeResult } from '@soma/spec'
import { ctx, withModel } from './test-engine.ts'
import { loudnessModel, whisperModel } from './test-speech-models.ts'

/** A tone of some loudness for some seconds each. */
function sound(rate: number, ...parts: ReadonlyArray<readonly [number, number]>): Uint8Array {
  const samples = parts.flatMap(([seconds, amplitude]) =>
    Array.from({ length: Math.round(seconds * rate) }, (_, at) => amplitude * Math.sign(Math.sin((at * 2 * Math.PI * 440) / rate))),
  )
  return encodeWav(Float32Array.from(samples), rate)
}

async function hear(
  model: LoadedModel,
  request: Partial<TranscribeRequest> & { audio: Uint8Array },
): Promise<{ segments: Segment[]; result: TranscribeResult }> {
  const segments: Segment[] = []
  const stream = model.transcribe!({ translate: false, ...request }, ctx)
  for (;;) {
    const { done, value } = await stream.next()
    if (done === true) return { segments, result: value }
    segments.push(value.segment)
  }
}

describe('speech recognition with characters for moments', () => {
  it('writes what it hears, repeated ones once, from a file of any rate', async () => {
    await withModel(loudnessModel(), async ({ model }) => {
      const { segments, result } = await hear(model, { audio: sound(16_000, [0.3, 0.6], [0.2, 0], [0.2, 0.2], [0.1, 0], [0.3, 0.2]) })
      assert.deepEqual(segments, [{ startSeconds: 0, endSeconds: 1.1, text: 'abb' }])
      assert.deepEqual(result, { language: null, durationSeconds: 1.1 })
      const [other] = (await hear(model, { audio: sound(8000, [0.5, 0.6]) })).segments
      assert.equal(other?.text, 'a')
    })
  })

  it('goes through long recordings window by window, cutting in pauses', async () => {
    await withModel(loudnessModel(), async ({ model }) => {
      const { segments, result } = await hear(model, { audio: sound(16_000, [27, 0.6], [0.5, 0], [5, 0.2]) })
      assert.deepEqual(
        segments.map(({ text }) => text),
        ['a', 'b'],
      )
      assert.ok((segments[0]?.endSeconds ?? 0) > 27 && segments[0]?.endSeconds === segments[1]?.startSeconds)
      assert.equal(result.durationSeconds, 32.5)
      assert.deepEqual((await hear(model, { audio: sound(16_000, [1, 0]) })).segments, [])
    })
  })

  it('refuses languages, translation and what is no sound', async () => {
    await withModel(loudnessModel(), async ({ model }) => {
      const audio = sound(16_000, [0.2, 0.6])
      for (const [option, request] of [
        ['language', { language: 'de' }],
        ['translate', { translate: true }],
      ] as const)
        await assert.rejects(
          hear(model, { audio, ...request }),
          (error) => isSomaError(error, 'model/unsupported') && error.details['option'] === option,
        )
      await assert.rejects(hear(model, { audio: Uint8Array.of(1, 2, 3) }), (error) => isSomaError(error, 'model/unreadable-input'))
    })
  })
})

describe('speech recognition with Whisper', () => {
  const loud = sound(16_000, [3, 0.6])

  it('gives segments with their times, and finds out the language', async () => {
    await withModel(whisperModel(), async ({ model }) => {
      const { segments, result } = await hear(model, { audio: loud })
      assert.deepEqual(segments, [
        { startSeconds: 0, endSeconds: 1, text: 'noise' },
        { startSeconds: 1.02, endSeconds: 3, text: 'ende' },
      ])
      assert.deepEqual(result, { language: 'de', durationSeconds: 3 })
      const quiet = await hear(model, { audio: sound(16_000, [3, 0]) })
      assert.deepEqual([quiet.segments[0]?.text, quiet.result.language], ['silence', 'en'])
    })
  })

  it('hears what a window cuts off anew in the next', async () => {
    await withModel(whisperModel(), async ({ model }) => {
      const { segments } = await hear(model, { audio: sound(16_000, [31.5, 0.6]), language: 'en' })
      assert.deepEqual(
        segments.map(({ startSeconds, endSeconds, text }) => [text, startSeconds.toFixed(2), endSeconds.toFixed(2)]),
        [
          ['noise', '0.00', '1.00'],
          ['noise', '1.02', '2.02'],
          ['noise', '2.04', '3.04'],
          ['ende', '3.06', '31.50'],
        ],
      )
    })
  })

  it('takes the language that is asked for, translates, and refuses languages that it does not know', async () => {
    await withModel(whisperModel(), async ({ model }) => {
      assert.equal((await hear(model, { audio: loud, language: 'en-GB', translate: true })).result.language, 'en')
      await assert.rejects(
        hear(model, { audio: loud, language: 'fr' }),
        (error) => isSomaError(error, 'model/unsupported') && error.details['option'] === 'language',
      )
    })
    await withModel(whisperModel({ multilingual: false }), async ({ model }) => {
      assert.equal((await hear(model, { audio: loud, language: 'en' })).result.language, null)
      await assert.rejects(
        hear(model, { audio: loud, translate: true }),
        (error) => isSomaError(error, 'model/unsupported') && error.details['option'] === 'translate',
      )
    })
  })
})
