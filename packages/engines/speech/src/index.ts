import { type EngineDescriptor, type PackageLayout, SMI_VERSION } from '@soma/spec'

const recognition = 'automatic-speech-recognition'
const synthesis = 'text-to-speech'
const format = 'sherpa-onnx'
const tokens = '**/*tokens.txt'
const espeak = '**/espeak-ng-data/phontab'

/** Folders often hold a model in full precision and in int8: where there are both, the small one is taken. */
const sizes = ['.int8.onnx', '.onnx'] as const

function layouts(task: string, files: (onnx: string) => Readonly<Record<string, string>>): PackageLayout[] {
  return sizes.map((onnx) => ({ format, task, files: files(onnx) }))
}

/**
 * Speech in and out with sherpa-onnx: files as that project publishes them, Piper voices as that project publishes them, and
 * Silero’s detector of voice. What of it a test here ran:
 *
 * | kind | ran with |
 * |---|---|
 * | Silero voice activity | real weights |
 * | Piper | real weights (the voice "joe", where the network allows), and a generated model |
 * | VITS | a generated model |
 * | Zipformer CTC, Zipformer transducer, WeNet CTC, SenseVoice | generated models: tones for letters |
 * | Whisper | real weights (tiny.en, `examples/transcribe`, where the network allows), and a generated model |
 * | Moonshine, Paraformer | generated models: a fixed text in answer to any sound |
 * | NeMo, streaming Zipformer, Moonshine 2, Kokoro, Kitten, Matcha | nothing: no free weights could be had where Soma is built |
 */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'speech',
  title: 'Speech to text, text to speech, voice activity (sherpa-onnx)',
  version: '0.1.0',
  formats: [format, 'piper', 'silero-vad'],
  tasks: ['voice-activity-detection', recognition, synthesis],
  layouts: [
    {
      format,
      task: recognition,
      files: {
        preprocessor: '**/preprocess*.onnx',
        encoder: '**/encode*.onnx',
        'uncached-decoder': '**/uncached_decode*.onnx',
        'cached-decoder': '**/cached_decode*.onnx',
        tokens,
      },
    },
    { format, task: recognition, files: { encoder: '**/encoder_model.ort', 'merged-decoder': '**/decoder_model_merged.ort', tokens } },
    ...layouts(recognition, (onnx) => ({
      encoder: `**/*encoder*${onnx}`,
      decoder: `**/*decoder*${onnx}`,
      joiner: `**/*joiner*${onnx}`,
      tokens,
    })),
    {
      format,
      task: recognition,
      files: { encoder: '**/*encoder*.int8.onnx', decoder: '**/*decoder*.onnx', joiner: '**/*joiner*.int8.onnx', tokens },
    },
    ...layouts(recognition, (onnx) => ({ encoder: `**/*encoder*${onnx}`, decoder: `**/*decoder*${onnx}`, tokens })),
    ...layouts(synthesis, (onnx) => ({ model: `**/model*${onnx}`, voices: '**/voices.bin', tokens, espeak })),
    { format, task: synthesis, files: { model: '**/model.fp16.onnx', voices: '**/voices.bin', tokens, espeak } },
    { format, task: synthesis, files: { acoustic: '**/model-steps-*.onnx', vocoder: '**/{vocos,hifigan}*.onnx', tokens, espeak } },
    {
      format,
      task: synthesis,
      files: { acoustic: '**/model-steps-*.onnx', vocoder: '**/{vocos,hifigan}*.onnx', tokens, lexicon: '**/lexicon.txt' },
    },
    ...layouts(synthesis, (onnx) => ({ model: `**/*${onnx}`, tokens, espeak })),
    ...layouts(synthesis, (onnx) => ({ model: `**/*${onnx}`, tokens, lexicon: '**/lexicon.txt' })),
    ...layouts(recognition, (onnx) => ({ model: `**/model*${onnx}`, tokens })),
    { format: 'piper', task: synthesis, files: { model: '**/*.onnx', config: '**/*.onnx.json' } },
    { format: 'silero-vad', task: 'voice-activity-detection', files: { vad: '**/silero_vad.onnx' } },
  ],
  options: [
    { name: 'threshold', type: 'number', description: 'Voice activity: how sure of a voice, 0 to 1', default: 0.5 },
    { name: 'minSilenceSeconds', type: 'number', description: 'Voice activity: silence that ends a stretch of speech', default: 0.25 },
    { name: 'minSpeechSeconds', type: 'number', description: 'Voice activity: shorter sounds are no speech', default: 0.25 },
    { name: 'maxSpeechSeconds', type: 'number', description: 'Voice activity: longer stretches are cut', default: 20 },
    {
      name: 'windowSeconds',
      type: 'number',
      description: 'Recognition without a detector of voice: the longest piece that is heard at once',
      default: 28,
    },
    {
      name: 'decoding',
      type: 'string',
      description: 'Recognition with transducers: the likeliest sound at each moment, or the likeliest of several texts',
      default: 'greedy',
      values: ['greedy', 'beam'],
    },
    {
      name: 'espeakData',
      type: 'string',
      files: true,
      description: 'Synthesis: the folder "espeak-ng-data", where the package has none',
      default: null,
    },
  ],
}
