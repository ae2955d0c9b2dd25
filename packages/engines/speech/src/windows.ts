import { CUT_SEARCH_SECONDS, SPEECH_SAMPLE_RATE } from './limits.ts'
import type { Stretch } from './vad.ts'

/** 20 ms: as long as a sound of speech is steady. */
const FRAME = SPEECH_SAMPLE_RATE / 50

/** Cuts a recording into windows of at most `windowSeconds`, each at the quietest moment near its end. */
export function* windowsOf(samples: Float32Array, windowSeconds: number): Generator<Stretch, void, void> {
  const longest = Math.floor(windowSeconds * SPEECH_SAMPLE_RATE)
  let start = 0
  while (samples.length - start > longest) {
    const search = Math.min(longest / 2, CUT_SEARCH_SECONDS * SPEECH_SAMPLE_RATE)
    const end = quietest(samples, Math.floor(start + longest - search), start + longest)
    yield { start, end }
    start = end
  }
  if (start < samples.length) yield { start, end: samples.length }
}

/** The middle of the frame with the least energy; the last of several, so that windows are long. */
function quietest(samples: Float32Array, from: number, to: number): number {
  let best = to
  let least = Infinity
  for (let at = from; at + FRAME <= to; at += FRAME) {
    let energy = 0
    for (let index = at; index < at + FRAME; index++) energy += (samples[index] ?? 0) ** 2
    if (energy > least) continue
    least = energy
    best = at + FRAME / 2
  }
  return best
}
