import { decodeAudio } from '@soma/audio'
import { defined, throwIfAborted } from '@soma/core'
import {
  type EngineContext,
  type Segment,
  type Signature,
  type Tensor,
  type TranscribeEvent,
  type TranscribeRequest,
  type TranscribeResult,
  encodeStrings,
} from '@soma/spec'
import { floats, readSound, soundInputs } from './inputs.ts'
import { SPEECH_SAMPLE_RATE } from './limits.ts'
import type { Recognizer } from './recognizer.ts'
import { type RunDeps, SpeechModel } from './run.ts'
import type { Turn } from './turn.ts'
import type { Detector, Stretch } from './vad.ts'
import { windowsOf } from './windows.ts'

export interface RecognizerParts {
  readonly recognizer: Recognizer
  /** Of the package, where it has one. */
  readonly detector: Detector | undefined
  readonly windowSeconds: number
}

/** Writes down what is said. */
export class RecognizerModel extends SpeechModel {
  readonly signature: Signature = {
    inputs: soundInputs,
    outputs: [
      { name: 'text', dtype: 'string', shape: [-1], description: 'What is said in each segment.' },
      { name: 'start', dtype: 'float32', shape: [-1], description: 'Seconds at which each segment begins.' },
      { name: 'end', dtype: 'float32', shape: [-1], description: 'Seconds at which each segment ends.' },
    ],
  }
  #parts: RecognizerParts | undefined

  constructor(deps: RunDeps, parts: RecognizerParts) {
    super(deps)
    this.#parts = parts
  }

  async *transcribe(request: TranscribeRequest, ctx: EngineContext): AsyncGenerator<TranscribeEvent, TranscribeResult, void> {
    using turn = await this.turn(ctx)
    const parts = defined(this.#parts, 'the model is loaded')
    parts.recognizer.begin(request)
    const { samples } = await decodeAudio(request.audio, { sampleRate: SPEECH_SAMPLE_RATE, signal: ctx.signal })
    let language: string | null = request.language ?? null
    for await (const heard of hear(parts, samples, { turn, signal: ctx.signal })) {
      language ??= heard.language
      yield { segment: heard.segment }
    }
    return { language, durationSeconds: samples.length / SPEECH_SAMPLE_RATE }
  }

  protected async tensors(inputs: readonly Tensor[], ctx: EngineContext): Promise<readonly Tensor[]> {
    using turn = await this.turn(ctx)
    const parts = defined(this.#parts, 'the model is loaded')
    parts.recognizer.begin({ translate: false })
    const samples = await readSound(inputs, ctx.signal)
    const segments: Segment[] = []
    for await (const { segment } of hear(parts, samples, { turn, signal: ctx.signal })) segments.push(segment)
    const text = encodeStrings(segments.map((segment) => segment.text))
    return [
      { name: 'text', dtype: 'string', shape: [segments.length], data: text },
      floats(
        'start',
        segments.map(({ startSeconds }) => startSeconds),
      ),
      floats(
        'end',
        segments.map(({ endSeconds }) => endSeconds),
      ),
    ]
  }

  protected drop(): void {
    this.#parts = undefined
  }
}

interface HeardSegment {
  readonly segment: Segment
  readonly language: string | null
}

/** Segment by segment: what the detector of voice finds, else windows. Those in which nothing is said are left out. */
async function* hear(
  { recognizer, detector, windowSeconds }: RecognizerParts,
  samples: Float32Array,
  { turn, signal }: { readonly turn: Turn; readonly signal: AbortSignal },
): AsyncGenerator<HeardSegment, void, void> {
  const stretches: AsyncIterable<Stretch> | Iterable<Stretch> = detector
    ? detector.speech(samples, signal)
    : windowsOf(samples, windowSeconds)
  for await (const { start, end } of stretches) {
    throwIfAborted(signal)
    const { text, language } = await turn.native(recognizer.hear(samples.slice(start, end), signal), signal)
    if (text === '') continue
    yield { segment: { startSeconds: start / SPEECH_SAMPLE_RATE, endSeconds: end / SPEECH_SAMPLE_RATE, text }, language }
  }
}
