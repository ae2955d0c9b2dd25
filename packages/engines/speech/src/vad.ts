import { setImmediate } from 'node:timers/promises'
import { throwIfAborted } from '@soma/core'
import type { PackageFile } from '@soma/spec'
import type { Vad } from 'sherpa-onnx-node'
import { loadFailed } from './errors.ts'
import { SPEECH_SAMPLE_RATE, VAD_BUFFER_SECONDS, VAD_STEP_SAMPLES, VAD_WINDOW_SAMPLES } from './limits.ts'
import { readHeader } from './model-files.ts'
import type { Settings } from './options.ts'
import type { Sherpa } from './sherpa.ts'

/** A stretch of a recording, in samples. */
export interface Stretch {
  readonly start: number
  readonly end: number
}

/** Finds out where somebody speaks. */
export interface Detector {
  /** @param samples at 16 kHz */
  speech(samples: Float32Array, signal: AbortSignal): AsyncGenerator<Stretch, void, void>
}

/** @throws {SomaError} `model/load-failed` when the file is not Silero's detector. */
export async function loadDetector(sherpa: Sherpa, file: PackageFile, settings: Settings): Promise<Detector> {
  const { inputs } = await readHeader(file)
  const names = inputs.map(({ name }) => name)
  const known = ['input state sr', 'input sr h c', 'x h c', 'x state sr'].some((set) =>
    set.split(' ').every((name) => names.includes(name)),
  )
  if (!known) throw loadFailed(file.path, `its inputs (${names.join(', ').slice(0, 200)}) are not those of Silero’s detector of voice`)
  const vad = new sherpa.Vad(configOf(file, settings), VAD_BUFFER_SECONDS)
  return { speech: (samples, signal) => speech(vad, samples, signal) }
}

function configOf(file: PackageFile, settings: Settings): ConstructorParameters<Sherpa['Vad']>[0] {
  return {
    sileroVad: {
      model: file.localPath,
      threshold: settings.threshold,
      minSilenceDuration: settings.minSilenceSeconds,
      minSpeechDuration: settings.minSpeechSeconds,
      maxSpeechDuration: settings.maxSpeechSeconds,
      windowSize: VAD_WINDOW_SAMPLES,
    },
    sampleRate: SPEECH_SAMPLE_RATE,
    // It is done with a window before a second thread would have woken up.
    numThreads: 1,
    provider: 'cpu',
  }
}

async function* speech(vad: Vad, samples: Float32Array, signal: AbortSignal): AsyncGenerator<Stretch, void, void> {
  vad.reset()
  for (let at = 0; at < samples.length; at += VAD_WINDOW_SAMPLES) {
    // Window by window: the library dates what it finds from the end of what it was given last.
    vad.acceptWaveform(samples.slice(at, at + VAD_WINDOW_SAMPLES))
    if (at % VAD_STEP_SAMPLES !== 0) continue
    yield* found(vad, samples.length)
    await setImmediate()
    throwIfAborted(signal)
  }
  vad.flush()
  yield* found(vad, samples.length)
}

function* found(vad: Vad, length: number): Generator<Stretch, void, void> {
  while (!vad.isEmpty()) {
    const segment = vad.front(false)
    vad.pop()
    const start = Math.max(0, segment.start)
    yield { start, end: Math.min(length, start + segment.samples.length) }
  }
}
