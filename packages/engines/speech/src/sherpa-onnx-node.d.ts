/** What the engine uses of sherpa-onnx-node, which brings no types of its own. */
declare module 'sherpa-onnx-node' {
  interface Waveform {
    readonly samples: Float32Array
    readonly sampleRate: number
  }

  interface VadConfig {
    readonly sileroVad: {
      readonly model: string
      readonly threshold: number
      readonly minSilenceDuration: number
      readonly minSpeechDuration: number
      readonly maxSpeechDuration: number
      readonly windowSize: number
    }
    readonly sampleRate: number
    readonly numThreads: number
    readonly provider: 'cpu'
  }

  class Vad {
    constructor(config: VadConfig, bufferSizeInSeconds: number)
    acceptWaveform(samples: Float32Array): void
    isEmpty(): boolean
    front(enableExternalBuffer: boolean): { readonly start: number; readonly samples: Float32Array }
    pop(): void
    flush(): void
    reset(): void
  }

  interface RecognizerConfig {
    readonly featConfig: { readonly sampleRate: number; readonly featureDim: number }
    readonly modelConfig: Readonly<Record<string, unknown>>
    readonly decodingMethod: string
    readonly maxActivePaths: number
  }

  interface OfflineResult {
    readonly text: string
    readonly lang?: string
  }

  interface OfflineStream {
    acceptWaveform(waveform: Waveform): void
  }

  class OfflineRecognizer {
    static createAsync(config: RecognizerConfig): Promise<OfflineRecognizer>
    createStream(): OfflineStream
    setConfig(config: RecognizerConfig): void
    decodeAsync(stream: OfflineStream): Promise<OfflineResult>
  }

  interface OnlineStream {
    acceptWaveform(waveform: Waveform): void
    inputFinished(): void
  }

  class OnlineRecognizer {
    constructor(config: RecognizerConfig)
    createStream(): OnlineStream
    isReady(stream: OnlineStream): boolean
    decode(stream: OnlineStream): void
    getResult(stream: OnlineStream): { readonly text: string }
  }

  interface TtsConfig {
    readonly model: Readonly<Record<string, unknown>>
    readonly maxNumSentences: number
  }

  interface TtsRequest {
    readonly text: string
    readonly sid: number
    readonly speed: number
    readonly enableExternalBuffer: boolean
    /** 0 stops it. */
    readonly onProgress: () => 0 | 1
  }

  class OfflineTts {
    static createAsync(config: TtsConfig): Promise<OfflineTts>
    readonly numSpeakers: number
    readonly sampleRate: number
    generateAsync(request: TtsRequest): Promise<Waveform>
  }
}
