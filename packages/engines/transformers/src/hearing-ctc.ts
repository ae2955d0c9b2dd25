import { defined } from '@soma/core'
import { unsupported } from './errors.ts'
import type { Hear } from './hearing.ts'
import type { LibraryTensor } from './library.ts'
import { SPEECH_CUT_SECONDS } from './limits.ts'
import type { Parts } from './parts.ts'
import { outputOf, row } from './tensors.ts'

/** Samples over which loudness is measured when a pause is looked for. */
const PAUSE_SAMPLES = 1600

/** Models that name a character for each moment: repeated ones are one, and blanks are left out by the tokenizer. */
export function hearCtc(parts: Parts): Hear {
  const tokens = defined(parts.tokens, 'the task gives text')
  const processor = defined(parts.processor, 'the task takes sound')
  return async ({ samples, rate, isLast }, { language, translate }) => {
    if (language !== undefined) throw unsupported('language', 'the model knows only the language that it was trained for')
    if (translate) throw unsupported('translate', 'the model does not translate')
    const heard = isLast ? samples : samples.subarray(0, pauseNear(samples, rate * SPEECH_CUT_SECONDS))
    const logits = outputOf(await parts.model(await processor(heard)), 'logits')
    // The blank parts equal characters, so it is for the tokenizer to take it out.
    const text = tokens.decode(likeliest(logits), { special: true }).trim()
    const segment = { startSeconds: 0, endSeconds: heard.length / rate, text }
    return { language: null, segments: text === '' ? [] : [segment], samplesDone: heard.length }
  }
}

function likeliest(logits: LibraryTensor): number[] {
  return Array.from({ length: logits.dims[1] ?? 0 }, (_, moment) => {
    const scores = row(logits, moment)
    return scores.indexOf(Math.max(...scores))
  })
}

/** The quietest place in the last part of a stretch, so that no word is cut in two. */
function pauseNear(samples: Float32Array, searched: number): number {
  let best = { at: samples.length, power: Infinity }
  for (let at = Math.max(0, samples.length - searched); at + PAUSE_SAMPLES <= samples.length; at += PAUSE_SAMPLES) {
    const power = samples.subarray(at, at + PAUSE_SAMPLES).reduce((sum, sample) => sum + sample * sample, 0)
    if (power <= best.power) best = { at: at + PAUSE_SAMPLES / 2, power }
  }
  return best.at
}
