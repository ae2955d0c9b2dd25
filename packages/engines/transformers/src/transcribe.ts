import { decodeAudio } from '@soma/audio'
import { defined, throwIfAborted } from '@soma/core'
import type { EngineContext, LoadedModel, Segment, TranscribeEvent, TranscribeRequest, TranscribeResult } from '@soma/spec'
import { hearer } from './hearing.ts'
import { SPEECH_WINDOW_SECONDS } from './limits.ts'
import { numberAt } from './package-files.ts'
import type { Parts } from './parts.ts'

/** Samples a second that speech models hear, where they do not say. */
const SAMPLE_RATE = 16_000

/** What is said in a recording, stretch by stretch. */
export function transcribe(parts: Parts): NonNullable<LoadedModel['transcribe']> {
  const hear = hearer(parts)
  const rate = numberAt(defined(parts.processor, 'the task takes sound').config, 'sampling_rate') ?? SAMPLE_RATE
  return async function* (request: TranscribeRequest, { signal }: EngineContext): AsyncGenerator<TranscribeEvent, TranscribeResult, void> {
    const { samples } = await decodeAudio(request.audio, { sampleRate: rate, signal })
    let language: string | null = null
    for (let from = 0; from < samples.length;) {
      throwIfAborted(signal)
      const window = samples.subarray(from, from + SPEECH_WINDOW_SECONDS * rate)
      const sound = { samples: window, rate, isLast: from + window.length === samples.length }
      const known = { ...request, ...(language !== null && { language }) }
      const heard = await hear(sound, known, signal)
      language ??= heard.language
      for (const segment of heard.segments) yield { segment: shifted(segment, from / rate) }
      from += heard.samplesDone
    }
    return { language, durationSeconds: samples.length / rate }
  }
}

function shifted({ startSeconds, endSeconds, text }: Segment, by: number): Segment {
  return { startSeconds: startSeconds + by, endSeconds: endSeconds + by, text }
}
