import type { Segment, TranscribeRequest } from '@soma/spec'
import { unsupported } from './errors.ts'
import { hearCtc } from './hearing-ctc.ts'
import { hearWhisper } from './hearing-whisper.ts'
import type { Parts } from './parts.ts'

/** What was understood of a stretch of sound. */
export interface Heard {
  readonly language: string | null
  /** In seconds from the beginning of the stretch. */
  readonly segments: readonly Segment[]
  /** How much of it is done with: the rest begins the next stretch. At least 1. */
  readonly samplesDone: number
}

/** Listens to at most a window of sound; `isLast` when nothing comes after it. */
export type Hear = (sound: Sound, request: TranscribeRequest, signal: AbortSignal) => Promise<Heard>

export interface Sound {
  /** float32, mono, as many a second as `rate` says. */
  readonly samples: Float32Array
  readonly rate: number
  readonly isLast: boolean
}

/** @throws {SomaError} `model/unsupported` for kinds of speech models that this engine does not know. */
export function hearer(parts: Parts): Hear {
  const kind = String(parts.config['model_type'])
  if (kind === 'whisper' || kind === 'lite-whisper') return hearWhisper(parts)
  if (parts.library.AutoModelForCTC.supports(kind)) return hearCtc(parts)
  throw unsupported('task', `this engine recognises speech with Whisper and with CTC models, not with ${kind}`, {
    task: parts.task,
    modelType: kind,
  })
}
