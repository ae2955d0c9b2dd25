import type { ModelFixture } from '@soma/testkit/engine'
import { type Weights, fixture, labels, seq2seqMarks, successors, table, vocabularyOf } from './test-fixtures.ts'
import { Graph, sparse } from './test-graphs.ts'

/** Models made by hand, so that their answers are known exactly: a colour adds to a label. */

const rgb = { do_resize: true, size: { height: 8, width: 8 }, do_rescale: true, rescale_factor: 1 / 255, do_normalize: false }

/** The mean of each colour, float32[1, 3]. */
function colours(graph: Graph): string {
  return graph.mean(graph.input('pixel_values', 'float32', 4), [2n, 3n])
}

/** Tells which colour a picture has most of: its mean × 4. */
export function coloursModel(): ModelFixture {
  const graph = new Graph()
  const logits = graph.op('Mul', [colours(graph), graph.constant([4])])
  const config = { model_type: 'vit', architectures: ['ViTForImageClassification'], ...labels('red', 'green', 'blue') }
  const files = { 'preprocessor_config.json': JSON.stringify({ image_processor_type: 'ViTImageProcessor', ...rgb }) }
  return withPreprocessor(fixture('image-classification', null, { config, model: graph.output('logits', logits, 2).write(), files }))
}

function withPreprocessor(model: ModelFixture): ModelFixture {
  return { ...model, roles: { ...model.roles, preprocessor: 'preprocessor_config.json' } }
}

/** Puts pictures and words for colours into one space: a word's colour × 4. */
export function matchingModel(kind = 'clip'): ModelFixture {
  const vocabulary = vocabularyOf(['red', 'green', 'blue', 'this', 'is', 'a', 'photo', 'of'])
  const graph = new Graph()
  const weights: Weights = [
    ['red', 0, 4],
    ['green', 1, 4],
    ['blue', 2, 4],
  ]
  const text = graph.sum(graph.op('Gather', [graph.constant(table(vocabulary, 3, weights)), graph.input('input_ids', 'int64', 2)]), 1)
  const common = graph.sum(graph.op('Mul', [text, colours(graph)]), 1, true)
  const config = { model_type: kind, architectures: ['CLIPModel'], text_config: { max_position_embeddings: 16 } }
  const files = {
    'preprocessor_config.json': JSON.stringify({ image_processor_type: 'CLIPImageProcessor', ...rgb, do_center_crop: false }),
  }
  const model = graph.output('logits_per_image', common, 2).write()
  return fixture('zero-shot-image-classification', vocabulary, { config, model, files })
}

/** Finds a lamp in the middle half of a picture, the surer the redder it is; and nothing else. */
export function lampModel(): ModelFixture {
  const graph = new Graph()
  const red = graph.op('MatMul', [colours(graph), graph.constant([[8], [0], [0]])])
  const row = graph.op('Concat', [red, graph.op('Mul', [red, graph.constant([0])])], { axis: 1n })
  const nothing = graph.op('Add', [graph.op('Mul', [row, graph.constant([0])]), graph.constant([0, 9])])
  const both = graph.op('Unsqueeze', [graph.op('Concat', [row, nothing], { axis: 0n }), graph.constant([0], 'int64')])
  const boxes = graph.op('Unsqueeze', [
    graph.constant([
      [0.5, 0.5, 0.5, 0.5],
      [0.1, 0.1, 0.1, 0.1],
    ]),
    graph.constant([0], 'int64'),
  ])
  const config = { model_type: 'detr', architectures: ['DetrForObjectDetection'], ...labels('lamp') }
  const files = {
    'preprocessor_config.json': JSON.stringify({
      image_processor_type: 'DetrImageProcessor',
      ...rgb,
      size: { shortest_edge: 8, longest_edge: 16 },
    }),
  }
  const model = graph.output('logits', both, 3).output('pred_boxes', boxes, 3).write()
  return withPreprocessor(fixture('object-detection', null, { config, model, files }))
}

/** Says "a red rose" of red pictures, "the sea" of blue ones. */
export function captionModel(): ModelFixture {
  const vocabulary = vocabularyOf(['a', 'red', 'rose', 'the', 'sea'], {
    kind: 'PreTrainedTokenizer',
    frame: [null, '</s>'],
    special: seq2seqMarks,
    config: { eos_token: '</s>', pad_token: '[PAD]', unk_token: '[UNK]' },
  })
  const encoder = new Graph()
  const states = encoder.op('Unsqueeze', [colours(encoder), encoder.constant([1], 'int64')])
  const decoder = new Graph()
  const hints = sparse(3, vocabulary.size, [
    [0, vocabulary.id('a'), 5],
    [2, vocabulary.id('the'), 5],
  ])
  const hint = decoder.op('MatMul', [decoder.input('encoder_hidden_states', 'float32', 3), decoder.constant(hints)])
  const next = successors(decoder, vocabulary, decoder.input('input_ids', 'int64', 2), [
    ['a', 'red'],
    ['red', 'rose'],
    ['rose', '</s>'],
    ['the', 'sea'],
    ['sea', '</s>'],
  ])
  const ends = { decoder_start_token_id: 0, eos_token_id: 1, pad_token_id: 0 }
  const config = {
    model_type: 'vision-encoder-decoder',
    architectures: ['VisionEncoderDecoderModel'],
    is_encoder_decoder: true,
    encoder: { model_type: 'vit' },
    decoder: { model_type: 'gpt2', n_layer: 0, n_head: 1, n_embd: 1 },
    ...ends,
  }
  return {
    format: 'onnx',
    task: 'image-to-text',
    roles: { encoder: 'onnx/encoder_model.onnx', 'decoder-merged': 'onnx/decoder_model_merged.onnx', tokenizer: 'tokenizer.json' },
    files: {
      'onnx/encoder_model.onnx': encoder.output('last_hidden_state', states, 3).write(),
      'onnx/decoder_model_merged.onnx': decoder.output('logits', decoder.op('Add', [next, hint]), 3).write(),
      'config.json': JSON.stringify(config),
      'preprocessor_config.json': JSON.stringify({ image_processor_type: 'ViTImageProcessor', ...rgb }),
      ...vocabulary.files,
    },
  }
}
