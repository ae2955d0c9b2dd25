import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchPath } from '@soma/spec'
import { descriptor } from './index.ts'

/** As installing does it: the first layout of which every glob fits exactly one file. */
function recognise(paths: readonly string[]): Readonly<Record<string, string>> | undefined {
  for (const { task, files } of descriptor.layouts) {
    const found = Object.entries(files).map(
      ([role, glob]) => [role, paths.filter((path) => alternatives(glob).some((one) => matchPath(one, path)))] as const,
    )
    if (found.every(([, matches]) => matches.length === 1))
      return { task: task ?? '', ...Object.fromEntries(found.map(([role, [path]]) => [role, path ?? ''])) }
  }
  return undefined
}

function alternatives(glob: string): string[] {
  const [, before = '', choices, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(glob) ?? []
  return choices === undefined ? [glob] : choices.split(',').map((choice) => before + choice + after)
}

const recognition = 'automatic-speech-recognition'
const synthesis = 'text-to-speech'
/** Files as they are published. */
const published: ReadonlyArray<readonly [string, readonly string[], Readonly<Record<string, string>>]> = [
  [
    'Whisper in two sizes',
    [
      'tiny.en-encoder.onnx',
      'tiny.en-encoder.int8.onnx',
      'tiny.en-decoder.onnx',
      'tiny.en-decoder.int8.onnx',
      'tiny.en-tokens.txt',
      'test_wavs/0.wav',
    ],
    { task: recognition, encoder: 'tiny.en-encoder.int8.onnx', decoder: 'tiny.en-decoder.int8.onnx', tokens: 'tiny.en-tokens.txt' },
  ],
  [
    'a Zipformer transducer whose decoder has one size',
    [
      'encoder-epoch-99-avg-1.int8.onnx',
      'encoder-epoch-99-avg-1.onnx',
      'decoder-epoch-99-avg-1.onnx',
      'joiner-epoch-99-avg-1.int8.onnx',
      'joiner-epoch-99-avg-1.onnx',
      'tokens.txt',
      'bpe.model',
    ],
    {
      task: recognition,
      encoder: 'encoder-epoch-99-avg-1.int8.onnx',
      decoder: 'decoder-epoch-99-avg-1.onnx',
      joiner: 'joiner-epoch-99-avg-1.int8.onnx',
      tokens: 'tokens.txt',
    },
  ],
  [
    'Moonshine',
    ['preprocess.onnx', 'encode.int8.onnx', 'uncached_decode.int8.onnx', 'cached_decode.int8.onnx', 'tokens.txt'],
    {
      task: recognition,
      preprocessor: 'preprocess.onnx',
      encoder: 'encode.int8.onnx',
      'uncached-decoder': 'uncached_decode.int8.onnx',
      'cached-decoder': 'cached_decode.int8.onnx',
      tokens: 'tokens.txt',
    },
  ],
  [
    'SenseVoice',
    ['model.int8.onnx', 'model.onnx', 'tokens.txt', 'LICENSE'],
    { task: recognition, model: 'model.int8.onnx', tokens: 'tokens.txt' },
  ],
  [
    'Kokoro',
    ['model.onnx', 'voices.bin', 'tokens.txt', 'espeak-ng-data/phontab', 'espeak-ng-data/en_dict'],
    { task: synthesis, model: 'model.onnx', voices: 'voices.bin', tokens: 'tokens.txt', espeak: 'espeak-ng-data/phontab' },
  ],
  [
    'Kitten',
    ['model.fp16.onnx', 'voices.bin', 'tokens.txt', 'espeak-ng-data/phontab'],
    { task: synthesis, model: 'model.fp16.onnx', voices: 'voices.bin', tokens: 'tokens.txt', espeak: 'espeak-ng-data/phontab' },
  ],
  [
    'Matcha',
    ['model-steps-3.onnx', 'vocos-22khz-univ.onnx', 'tokens.txt', 'espeak-ng-data/phontab'],
    {
      task: synthesis,
      acoustic: 'model-steps-3.onnx',
      vocoder: 'vocos-22khz-univ.onnx',
      tokens: 'tokens.txt',
      espeak: 'espeak-ng-data/phontab',
    },
  ],
  [
    'a Piper voice of sherpa-onnx',
    ['en_US-amy-low.onnx', 'en_US-amy-low.onnx.json', 'tokens.txt', 'espeak-ng-data/phontab', 'MODEL_CARD'],
    { task: synthesis, model: 'en_US-amy-low.onnx', tokens: 'tokens.txt', espeak: 'espeak-ng-data/phontab' },
  ],
  [
    'a Piper voice of Piper',
    ['en_US-joe-medium.onnx', 'en_US-joe-medium.onnx.json', 'MODEL_CARD'],
    { task: synthesis, model: 'en_US-joe-medium.onnx', config: 'en_US-joe-medium.onnx.json' },
  ],
  [
    'VITS with a dictionary',
    ['vits.onnx', 'lexicon.txt', 'tokens.txt'],
    { task: synthesis, model: 'vits.onnx', tokens: 'tokens.txt', lexicon: 'lexicon.txt' },
  ],
  [
    'Silero among its variants',
    ['weights/silero_vad.onnx', 'weights/silero_vad_half.onnx', 'weights/silero_vad_16k_op15.onnx', 'index.js'],
    { task: 'voice-activity-detection', vad: 'weights/silero_vad.onnx' },
  ],
]
for (const [what, paths, expected] of published)
  test(`${what} is recognised by its files`, () => assert.deepEqual(recognise(paths), expected))

test('other ONNX packages are left to others', () => {
  for (const paths of [
    ['model.onnx'],
    ['encoder_model.onnx', 'decoder_model_merged.onnx', 'tokenizer.json'],
    ['model.onnx', 'config.json', 'tokenizer.json'],
  ])
    assert.equal(recognise(paths), undefined)
})
