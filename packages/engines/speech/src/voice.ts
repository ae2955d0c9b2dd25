import { SomaError, throwIfAborted } from '@soma/core'
import type { OfflineTts } from 'sherpa-onnx-node'
import { messageOf, unsupported } from './errors.ts'
import { sentencesOf } from './sentences.ts'
import type { Sherpa } from './sherpa.ts'
import type { Turn } from './turn.ts'
import type { VoiceKind } from './voice-kinds.ts'

export interface SpeakOptions {
  /** One of the voices, by name or number. */
  readonly voice?: string | undefined
  readonly speed: number
}

export interface SpeakCall {
  readonly turn: Turn
  readonly signal: AbortSignal
}

/** Turns text into sound, a sentence at a time. */
export interface Voice {
  /** Hertz. */
  readonly sampleRate: number
  /** @throws {SomaError} `model/unsupported` naming a voice that there is not. */
  speak(text: string, options: SpeakOptions, call: SpeakCall): AsyncGenerator<Float32Array, void, void>
}

/** @throws what the library threw. */
export async function loadVoice(sherpa: Sherpa, kind: VoiceKind, threads: number): Promise<Voice> {
  const tts = await sherpa.OfflineTts.createAsync({ model: { ...kind.model, numThreads: threads, provider: 'cpu' }, maxNumSentences: 1 })
  return {
    sampleRate: tts.sampleRate,
    speak: (text, options, call) => speak(tts, { text, sid: speakerOf(tts, kind, options.voice), speed: options.speed }, call),
  }
}

async function* speak(
  tts: OfflineTts,
  { text, sid, speed }: { readonly text: string; readonly sid: number; readonly speed: number },
  { turn, signal }: SpeakCall,
): AsyncGenerator<Float32Array, void, void> {
  for (const sentence of sentencesOf(text)) {
    throwIfAborted(signal)
    const onProgress = (): 0 | 1 => (signal.aborted ? 0 : 1)
    const spoken = tts.generateAsync({ text: sentence, sid, speed, enableExternalBuffer: false, onProgress }).catch(soundless)
    const sound = await turn.native(spoken, signal)
    if (sound && sound.samples.length > 0) yield sound.samples
  }
}

/** The library rejects for what nobody can say, a dash for instance, and when it is stopped. */
function soundless(error: unknown): undefined {
  if (/no audio/.test(messageOf(error))) return undefined
  throw new SomaError('engine/failed', `sherpa-onnx failed: ${messageOf(error)}`, { cause: error })
}

function speakerOf({ numSpeakers }: OfflineTts, { names }: VoiceKind, voice: string | undefined): number {
  if (voice === undefined) return 0
  const named = names.indexOf(voice)
  if (named >= 0) return named
  const count = Math.max(1, numSpeakers)
  if (/^\d{1,6}$/.test(voice) && Number(voice) < count) return Number(voice)
  const known = names.length > 0 ? names.slice(0, 20).join(', ') : count === 1 ? '0 only' : `0 to ${count - 1}`
  throw unsupported('voice', `there is no "${voice.slice(0, 80)}"; this model has ${known}`)
}
