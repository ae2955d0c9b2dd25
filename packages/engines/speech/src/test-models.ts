import { type Dtype, encodeValues } from '@soma/spec'
import { type FixtureFiles, type ModelFixture } from '@soma/testkit/engine'
import { type OnnxNode, type OnnxTensor, type OnnxValue, writeOnnxModel } from '@soma/testkit/onnx'

/**
 * Models that are small enough to make, and real enough to be right or wrong: in their language every letter is a tone of a
 * tenth of a second. A voice says letters, a recogniser writes them down, and both are built from the same list.
 */
export const letters = [
  ['a', 500],
  ['b', 1000],
  ['c', 1900],
  ['d', 3300],
  ['e', 5500],
] as const
export const alphabet: readonly string[] = letters.map(([letter]) => letter)

const RATE = 16_000
const TONE = RATE / 10
export const MELS = 80

/** What the voice says for a letter: a tone that fades in and out, and silence behind it. */
export function toneOf(letter: string): Float32Array {
  const hz = letters.find(([known]) => known === letter)?.[1] ?? 0
  const loud = TONE * 0.7
  return Float32Array.from({ length: TONE }, (_, at) =>
    at < loud ? 0.4 * Math.sin((2 * Math.PI * hz * at) / RATE) * Math.min(1, at / 160, (loud - at) / 160) : 0,
  )
}

export function soundOf(text: string): Float32Array {
  return Float32Array.from(text.split('').flatMap((letter) => [...toneOf(letter)]))
}

export const tensor = (name: string, dtype: Dtype, shape: number[], values: readonly (number | string)[]): OnnxTensor => ({
  name,
  dtype,
  shape,
  data: encodeValues(dtype, [...values]),
})
export const value = (name: string, dtype: Dtype, shape: OnnxValue['shape']): OnnxValue => ({ name, dtype, shape })

/** The filter that hears a tone: mel scale as Kaldi has it, from 20 Hz to 7.6 kHz. */
function filterOf(hz: number): number {
  const mel = (f: number): number => 1127 * Math.log(1 + f / 700)
  return Math.round(((mel(hz) - mel(20)) / (mel(7600) - mel(20))) * (MELS + 1) - 1)
}

/** A matrix and a bias that make of a frame's energies the score of each token; token 0, silence, has always the same. */
export function scores(): readonly OnnxTensor[] {
  const columns = letters.length + 1
  const weights = new Float32Array(MELS * columns)
  for (const [index, [, hz]] of letters.entries())
    for (const near of [-1, 0, 1]) weights[(filterOf(hz) + near) * columns + index + 1] = 1 / 3
  return [
    tensor('weights', 'float32', [MELS, columns], [...weights]),
    tensor('bias', 'float32', [columns], [SILENCE, ...letters.map(() => 0)]),
  ]
}
/** Log energy between that of a tone and that of its neighbours. */
export const SILENCE = -2

export const tokens = ['<blk>', ...alphabet].map((symbol, id) => `${symbol} ${id}\n`).join('')

export const every4th: readonly OnnxNode[] = [
  { op: 'MatMul', inputs: ['x', 'weights'], outputs: ['scored'] },
  { op: 'Add', inputs: ['scored', 'bias'], outputs: ['logits'] },
  { op: 'Slice', inputs: ['logits', 'first', 'last', 'axis', 'step'], outputs: ['output'] },
  { op: 'Sub', inputs: ['x_lens', 'one'], outputs: ['less'] },
  { op: 'Div', inputs: ['less', 'four'], outputs: ['fours'] },
  { op: 'Add', inputs: ['fours', 'one'], outputs: ['output_lens'] },
]
export const everyConstant: readonly OnnxTensor[] = [
  ...scores(),
  tensor('first', 'int64', [1], [0]),
  tensor('last', 'int64', [1], ['9223372036854775807']),
  tensor('axis', 'int64', [1], [1]),
  tensor('step', 'int64', [1], [4]),
  tensor('one', 'int64', [1], [1]),
  tensor('four', 'int64', [1], [4]),
]
export const sound = [value('x', 'float32', ['N', 'T', MELS]), value('x_lens', 'int64', ['N'])]

/** Zipformer CTC, as far as the library can tell. */
export function ctcModel(): Uint8Array {
  return writeOnnxModel({
    inputs: sound,
    outputs: [value('output', 'float32', ['N', 'T4', letters.length + 1]), value('output_lens', 'int64', ['N'])],
    nodes: every4th,
    initializers: everyConstant,
    metadata: { model_type: 'zipformer2_ctc' },
  })
}

/** A Zipformer transducer whose joiner never says a letter twice in a row. */
export function transducerFiles(): FixtureFiles {
  const columns = letters.length + 1
  const encoder = writeOnnxModel({
    inputs: sound,
    outputs: [value('output', 'float32', ['N', 'T4', columns]), value('output_lens', 'int64', ['N'])],
    nodes: every4th,
    initializers: everyConstant,
    metadata: { model_type: 'zipformer2' },
  })
  const decoder = writeOnnxModel({
    inputs: [value('y', 'int64', ['N', 2])],
    outputs: [value('decoder_out', 'float32', ['N', columns])],
    nodes: [
      { op: 'Gather', inputs: ['y', 'one'], outputs: ['last'], attributes: { axis: 1n } },
      { op: 'Gather', inputs: ['table', 'last'], outputs: ['decoder_out'], attributes: { axis: 0n } },
    ],
    // The scalar takes the axis away.
    initializers: [
      tensor('one', 'int64', [], [1]),
      tensor(
        'table',
        'float32',
        [columns, columns],
        Array.from({ length: columns * columns }, (_, at) => (at % (columns + 1) === 0 && at > 0 ? -1000 : 0)),
      ),
    ],
    metadata: { vocab_size: String(columns), context_size: '2' },
  })
  const joiner = writeOnnxModel({
    inputs: [value('encoder_out', 'float32', ['N', columns]), value('decoder_out', 'float32', ['N', columns])],
    outputs: [value('logit', 'float32', ['N', columns])],
    nodes: [{ op: 'Add', inputs: ['encoder_out', 'decoder_out'], outputs: ['logit'] }],
    metadata: { joiner_dim: String(columns) },
  })
  return { 'encoder.onnx': encoder, 'decoder.onnx': decoder, 'joiner.onnx': joiner, 'tokens.txt': tokens }
}

/** A VITS voice that spells. Token 0 is silence, which also stands at both ends. */
export function voiceModel(speakers = 1): Uint8Array {
  const rows = [new Float32Array(TONE), ...alphabet.map(toneOf)]
  return writeOnnxModel({
    inputs: [
      value('x', 'int64', ['N', 'L']),
      value('x_length', 'int64', ['N']),
      value('noise_scale', 'float32', [1]),
      value('length_scale', 'float32', [1]),
      value('noise_scale_w', 'float32', [1]),
      value('sid', 'int64', [1]),
    ],
    outputs: [value('y', 'float32', [1, 1, 'samples'])],
    nodes: [
      { op: 'Gather', inputs: ['tones', 'x'], outputs: ['said'], attributes: { axis: 0n } },
      // The second speaker says all of it upside down, so that it can be told who spoke.
      { op: 'Cast', inputs: ['sid'], outputs: ['speaker'], attributes: { to: 1n } },
      { op: 'Mul', inputs: ['speaker', 'two'], outputs: ['twice'] },
      { op: 'Sub', inputs: ['unit', 'twice'], outputs: ['sign'] },
      { op: 'Mul', inputs: ['said', 'sign'], outputs: ['voiced'] },
      // As fast as it was asked for, by leaving samples out: length_scale is 1 or 0.5 here.
      { op: 'Div', inputs: ['unit', 'length_scale'], outputs: ['speed'] },
      { op: 'Cast', inputs: ['speed'], outputs: ['stride'], attributes: { to: 7n } },
      { op: 'Reshape', inputs: ['voiced', 'flat'], outputs: ['whole'] },
      { op: 'Slice', inputs: ['whole', 'first', 'end', 'axis', 'stride'], outputs: ['y'] },
    ],
    initializers: [
      tensor(
        'tones',
        'float32',
        [rows.length, TONE],
        rows.flatMap((row) => [...row]),
      ),
      tensor('flat', 'int64', [3], [1, 1, -1]),
      tensor('unit', 'float32', [1], [1]),
      tensor('two', 'float32', [1], [2]),
      tensor('first', 'int64', [1], [0]),
      tensor('end', 'int64', [1], ['9223372036854775807']),
      tensor('axis', 'int64', [1], [2]),
    ],
    metadata: {
      model_type: 'vits',
      comment: 'letters',
      language: 'English',
      frontend: 'characters',
      sample_rate: String(RATE),
      n_speakers: String(speakers),
      add_blank: '0',
      use_eos_bos: '0',
    },
  })
}

export const model = (task: string, files: FixtureFiles, roles: Readonly<Record<string, string>>): ModelFixture => ({
  format: 'sherpa-onnx',
  task,
  files,
  roles,
})
export const ctcFixture = (): ModelFixture =>
  model('automatic-speech-recognition', { 'model.onnx': ctcModel(), 'tokens.txt': tokens }, { model: 'model.onnx', tokens: 'tokens.txt' })
export const transducerFixture = (): ModelFixture =>
  model('automatic-speech-recognition', transducerFiles(), {
    encoder: 'encoder.onnx',
    decoder: 'decoder.onnx',
    joiner: 'joiner.onnx',
    tokens: 'tokens.txt',
  })
export const voiceFixture = (speakers = 1): ModelFixture =>
  model(
    'text-to-speech',
    {
      'model.onnx': voiceModel(speakers),
      'tokens.txt': tokens.replace('<blk>', '_'),
      'lexicon.txt': alphabet.map((letter) => `${letter} ${letter}\n`).join(''),
    },
    { model: 'model.onnx', tokens: 'tokens.txt', lexicon: 'lexicon.txt' },
  )
