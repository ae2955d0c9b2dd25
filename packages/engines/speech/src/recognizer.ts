import { setImmediate } from 'node:timers/promises'
import { throwIfAborted } from '@soma/core'
import type { OfflineRecognizer, OnlineRecognizer, RecognizerConfig } from 'sherpa-onnx-node'
import { asLoadFailed, unsupported } from './errors.ts'
import { PIECE_SECONDS_MIN, SPEECH_SAMPLE_RATE, TAIL_SECONDS } from './limits.ts'
import type { Settings } from './options.ts'
import type { RecognizerKind } from './recognizer-kinds.ts'
import type { Sherpa } from './sherpa.ts'

export interface Heard {
  readonly text: string
  /** As the model tells it; null where it does not. */
  readonly language: string | null
}

export interface Task {
  readonly language?: string | undefined
  readonly translate: boolean
}

/** Turns sound into text, a piece at a time. */
export interface Recognizer {
  /** Makes ready for a recording. @throws {SomaError} `model/unsupported` naming what the model cannot honour. */
  begin(task: Task): void
  /** @param samples at 16 kHz */
  hear(samples: Float32Array, signal: AbortSignal): Promise<Heard>
}

/** @throws {SomaError} `model/load-failed`. */
export async function loadRecognizer(
  sherpa: Sherpa,
  kind: RecognizerKind,
  { settings, threads, name }: { readonly settings: Settings; readonly threads: number; readonly name: string },
): Promise<Recognizer> {
  const config: RecognizerConfig = {
    featConfig: { sampleRate: SPEECH_SAMPLE_RATE, featureDim: 80 },
    modelConfig: { ...kind.modelConfig, numThreads: threads, provider: 'cpu' },
    decodingMethod: kind.transducer && settings.decoding === 'beam' ? 'modified_beam_search' : 'greedy_search',
    maxActivePaths: 4,
  }
  if (kind.streaming) return new Streaming(new sherpa.OnlineRecognizer(config), kind)
  const recognizer = await sherpa.OfflineRecognizer.createAsync(config).catch((cause: unknown) => {
    throw asLoadFailed(name, cause)
  })
  return new Whole(recognizer, kind, config)
}

/** Refuses what the model cannot do, by name. @returns the language as the model's own code, '' to let it find out. */
function checkTask(kind: RecognizerKind, { language, translate }: Task): string {
  if (translate && !kind.translates) throw unsupported('translate', 'this model writes down what is said, in the language it is said in')
  if (language === undefined) return ''
  const [primary = ''] = language.toLowerCase().split('-')
  if (kind.languages?.includes(primary)) return primary
  if (kind.language === primary) return ''
  const known = kind.languages?.join(', ') ?? kind.language
  throw unsupported(
    'language',
    known === null ? 'this model lets nobody choose; leave it out' : `"${language}" is none of this model’s: ${known}`,
  )
}

class Whole implements Recognizer {
  readonly #recognizer: OfflineRecognizer
  readonly #kind: RecognizerKind
  readonly #config: RecognizerConfig
  #language: string | null = null

  constructor(recognizer: OfflineRecognizer, kind: RecognizerKind, config: RecognizerConfig) {
    this.#recognizer = recognizer
    this.#kind = kind
    this.#config = config
  }

  begin(task: Task): void {
    const language = checkTask(this.#kind, task)
    this.#language = language === '' ? this.#kind.language : language
    const { withTask } = this.#kind
    if (!withTask) return
    const { numThreads, provider } = this.#config.modelConfig
    const modelConfig = { ...withTask({ language, translate: task.translate }), numThreads, provider }
    this.#recognizer.setConfig({ ...this.#config, modelConfig })
  }

  async hear(samples: Float32Array): Promise<Heard> {
    const stream = this.#recognizer.createStream()
    stream.acceptWaveform({ samples: atLeast(samples, PIECE_SECONDS_MIN * SPEECH_SAMPLE_RATE), sampleRate: SPEECH_SAMPLE_RATE })
    const { text, lang = '' } = await this.#recognizer.decodeAsync(stream)
    return { text: text.trim(), language: lang.replace(/[<|>]/g, '') || this.#language }
  }
}

/** With silence behind it. */
function atLeast(samples: Float32Array, length: number): Float32Array {
  if (samples.length >= length) return samples
  const padded = new Float32Array(length)
  padded.set(samples)
  return padded
}

class Streaming implements Recognizer {
  readonly #recognizer: OnlineRecognizer
  readonly #kind: RecognizerKind

  constructor(recognizer: OnlineRecognizer, kind: RecognizerKind) {
    this.#recognizer = recognizer
    this.#kind = kind
  }

  begin(task: Task): void {
    checkTask(this.#kind, task)
  }

  async hear(samples: Float32Array, signal: AbortSignal): Promise<Heard> {
    const stream = this.#recognizer.createStream()
    stream.acceptWaveform({ samples, sampleRate: SPEECH_SAMPLE_RATE })
    stream.acceptWaveform({ samples: new Float32Array(TAIL_SECONDS * SPEECH_SAMPLE_RATE), sampleRate: SPEECH_SAMPLE_RATE })
    stream.inputFinished()
    while (this.#recognizer.isReady(stream)) {
      this.#recognizer.decode(stream)
      await setImmediate()
      throwIfAborted(signal)
    }
    return { text: this.#recognizer.getResult(stream).text.trim(), language: this.#kind.language }
  }
}
