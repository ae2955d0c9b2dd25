import type { ModelFixture } from '@soma/testkit/engine'
import { type OnnxNode, type OnnxTensor, writeOnnxModel } from '@soma/testkit/onnx'
import { MELS, SILENCE, every4th, everyConstant, letters, model, scores, sound, tensor, tokens, value } from './test-models.ts'

const recognition = 'automatic-speech-recognition'
const single = { model: 'model.onnx', tokens: 'tokens.txt' }
const columns = letters.length + 1
const SENSE_VOICE_TAGS = ['<|zh|>', '<|en|>'] as const

/**
 * SenseVoice: four marks stand before the text, of which the first is the language that was asked for, by its number; left
 * to find out, it takes Chinese.
 */
export function senseVoiceFixture(): ModelFixture {
  const width = columns + SENSE_VOICE_TAGS.length
  const [energies, bias] = scores()
  const pad = (tensor: OnnxTensor | undefined, rows: number, tags: number): readonly number[] => {
    const values = new Float32Array(new Uint8Array(tensor?.data ?? []).buffer)
    return Array.from({ length: rows * width }, (_, at) =>
      at % width < columns ? (values[Math.floor(at / width) * columns + (at % width)] ?? 0) : tags,
    )
  }
  // Chinese has the number 3, English 4.
  const marks = [columns, columns, columns, columns, columns + 1].flatMap((mark) =>
    Array.from({ length: width }, (_, at) => (at === mark ? 1000 : 0)),
  )
  const many = (number: string): string => Array<string>(MELS).fill(number).join(',')
  const onnx = writeOnnxModel({
    inputs: [
      value('x', 'float32', ['N', 'T', MELS]),
      value('x_length', 'int32', ['N']),
      value('language', 'int32', ['N']),
      value('text_norm', 'int32', ['N']),
    ],
    outputs: [value('logits', 'float32', ['N', 'T4', width])],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'weights'], outputs: ['scored'] },
      { op: 'Add', inputs: ['scored', 'bias'], outputs: ['text'] },
      { op: 'Gather', inputs: ['marks', 'language'], outputs: ['mark'], attributes: { axis: 0n } },
      { op: 'Unsqueeze', inputs: ['mark', 'one'], outputs: ['first'] },
      { op: 'Concat', inputs: ['first', 'other', 'first', 'other', 'text'], outputs: ['logits'], attributes: { axis: 1n } },
    ],
    initializers: [
      tensor('weights', 'float32', [MELS, width], pad(energies, MELS, 0)),
      tensor('bias', 'float32', [width], pad(bias, 1, -1000)),
      tensor('marks', 'float32', [5, width], marks),
      // Something else between equal marks, which otherwise are one.
      tensor(
        'other',
        'float32',
        [1, 1, width],
        Array.from({ length: width }, (_, at) => (at === letters.length ? 1000 : 0)),
      ),
      tensor('one', 'int64', [1], [1]),
    ],
    metadata: {
      model_type: 'sense_voice_ctc',
      comment: 'letters',
      vocab_size: String(width),
      lfr_window_size: '1',
      lfr_window_shift: '1',
      normalize_samples: '1',
      with_itn: '14',
      without_itn: '15',
      ...Object.fromEntries(
        ['auto', 'zh', 'en', 'ja', 'ko', 'yue'].map((language, at) => [`lang_${language}`, String([0, 3, 4, 1, 1, 1][at])]),
      ),
      neg_mean: many('0'),
      inv_stddev: many('1'),
    },
  })
  const symbols = tokens + SENSE_VOICE_TAGS.map((mark, at) => `${mark} ${columns + at}\n`).join('')
  const files = { 'model.onnx': onnx, 'tokens.txt': symbols }
  return model(recognition, files, single)
}

/** WeNet hears samples as whole numbers, so that its energies are larger. */
export function wenetFixture(): ModelFixture {
  const louder = 2 * Math.log(0x8000)
  const constants = everyConstant.map((constant) =>
    constant.name === 'bias' ? tensor('bias', 'float32', [columns], [SILENCE + louder, ...letters.map(() => 0)]) : constant,
  )
  const onnx = writeOnnxModel({
    inputs: sound,
    outputs: [value('output', 'float32', ['N', 'T4', columns]), value('output_lens', 'int64', ['N'])],
    nodes: every4th,
    initializers: constants,
    metadata: { model_type: 'wenet_ctc', vocab_size: String(columns), subsampling_factor: '4' },
  })
  return model(recognition, { 'model.onnx': onnx, 'tokens.txt': tokens }, single)
}

/** A Paraformer that hears nothing, and always writes down the same. */
export function paraformerFixture(): ModelFixture {
  const said = [1, 2, 3]
  const many = (number: string): string => Array<string>(MELS).fill(number).join(',')
  const onnx = writeOnnxModel({
    inputs: [value('speech', 'float32', ['N', 'T', MELS]), value('speech_lengths', 'int32', ['N'])],
    outputs: [value('logits', 'float32', ['N', 'L', columns + 1]), value('token_num', 'int32', ['N'])],
    nodes: [
      { op: 'Identity', inputs: ['text'], outputs: ['logits'] },
      { op: 'Identity', inputs: ['speech_lengths'], outputs: ['token_num'] },
    ],
    initializers: [
      tensor(
        'text',
        'float32',
        [1, said.length, columns + 1],
        said.flatMap((token) => Array.from({ length: columns + 1 }, (_, at) => (at === token ? 1 : 0))),
      ),
    ],
    metadata: {
      model_type: 'paraformer',
      vocab_size: String(columns + 1),
      lfr_window_size: '1',
      lfr_window_shift: '1',
      neg_mean: many('0'),
      inv_stddev: many('1'),
    },
  })
  const files = { 'model.onnx': onnx, 'tokens.txt': `${tokens}</s> ${columns}\n` }
  return model(recognition, files, single)
}

/** A Moonshine that says "ab" to any sound: each token follows from the last. */
export function moonshineFixture(): ModelFixture {
  const [start, end, a, b] = [1, 2, 3, 4]
  const next = tensor(
    'next',
    'float32',
    [5, 5],
    Array.from({ length: 25 }, (_, at) => ([start * 5 + a, a * 5 + b, b * 5 + end].includes(at) ? 1 : 0)),
  )
  const state = { dtype: 'float32', shape: ['N', 'T', 1] } as const
  const decoder = (cached: boolean): Uint8Array => {
    const nodes: OnnxNode[] = [
      { op: 'Gather', inputs: ['next', 'token'], outputs: ['logits'], attributes: { axis: 0n } },
      { op: 'Identity', inputs: [cached ? 'state' : 'heard'], outputs: ['new_state'] },
    ]
    return writeOnnxModel({
      inputs: [
        value('token', 'int32', [1, 1]),
        { name: 'heard', ...state },
        value('seq_len', 'int32', [1]),
        ...(cached ? [{ name: 'state', ...state }] : []),
      ],
      outputs: [value('logits', 'float32', [1, 1, 5]), { name: 'new_state', ...state }],
      nodes,
      initializers: [next],
    })
  }
  const files = {
    'preprocess.onnx': writeOnnxModel({
      inputs: [value('audio', 'float32', ['N', 'samples'])],
      outputs: [{ name: 'features', ...state }],
      nodes: [
        { op: 'Slice', inputs: ['audio', 'zero', 'last', 'line', 'step'], outputs: ['some'] },
        { op: 'Unsqueeze', inputs: ['some', 'two'], outputs: ['features'] },
      ],
      initializers: Object.entries({ zero: 0, last: '9223372036854775807', line: 1, step: 384, two: 2 }).map(([name, number]) =>
        tensor(name, 'int64', [1], [number]),
      ),
    }),
    'encode.onnx': writeOnnxModel({
      inputs: [{ name: 'features', ...state }, value('features_len', 'int32', [1])],
      outputs: [{ name: 'heard', ...state }],
      nodes: [{ op: 'Identity', inputs: ['features'], outputs: ['heard'] }],
    }),
    'uncached_decode.onnx': decoder(false),
    'cached_decode.onnx': decoder(true),
    'tokens.txt': ['<unk>', '<s>', '</s>', 'a', 'b'].map((symbol, id) => `${symbol} ${id}\n`).join(''),
  }
  return model(recognition, files, {
    preprocessor: 'preprocess.onnx',
    encoder: 'encode.onnx',
    'uncached-decoder': 'uncached_decode.onnx',
    'cached-decoder': 'cached_decode.onnx',
    tokens: 'tokens.txt',
  })
}
