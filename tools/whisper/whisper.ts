// Whisper (https://arxiv.org/abs/2212.04356) in two graphs, with the inputs and outputs that sherpa-onnx wants.
import { encodeValues } from '@soma/spec'
import type { Variable } from './ctranslate2.ts'
import { Graph } from './graph.ts'

export interface Sizes {
  readonly mels: number
  readonly state: number
  readonly heads: number
  readonly vocabulary: number
  /** Positions of a text. */
  readonly context: number
  readonly encoderLayers: number
  readonly decoderLayers: number
}

export function sizesOf(weights: ReadonlyMap<string, Variable>): Sizes {
  const shape = (name: string): readonly number[] => weights.get(name)?.shape ?? []
  const layers = (part: string): number =>
    [...weights.keys()].filter((name) => name.endsWith('ffn/linear_0/bias') && name.startsWith(part)).length
  const heads = weights.get('decoder/num_heads')?.data[0] ?? 0
  const [state = 0, mels = 0] = shape('encoder/conv1/weight')
  const [vocabulary = 0] = shape('decoder/embeddings/weight')
  const [context = 0] = shape('decoder/position_encodings/encodings')
  return { mels, state, heads, vocabulary, context, encoderLayers: layers('encoder'), decoderLayers: layers('decoder') }
}

/** Sound to what each layer of the decoder looks at: float32[layers, n, t, state] twice. */
export function encoder(weights: ReadonlyMap<string, Variable>, sizes: Sizes, metadata: Readonly<Record<string, string>>): Uint8Array {
  const graph = new Graph(weights)
  const zero = graph.ints(0)
  const convolve = (x: string, name: string, stride: bigint): string => {
    const attributes = { kernel_shape: [3n], pads: [1n, 1n], strides: [stride] }
    return graph.gelu(graph.op('Conv', [x, graph.weight(`${name}/weight`), graph.weight(`${name}/bias`)], attributes))
  }
  const heard = graph.op('Transpose', [convolve(convolve('mel', 'encoder/conv1', 1n), 'encoder/conv2', 2n)], { perm: [0n, 2n, 1n] })
  const places = graph.slice(graph.weight('encoder/position_encodings/encodings'), zero, graph.size(heard, 1), 0)
  let x = graph.op('Add', [heard, places])
  for (let layer = 0; layer < sizes.encoderLayers; layer++) {
    const name = `encoder/layer_${layer}`
    const [q = '', k = '', v = ''] = graph.split(
      graph.linear(graph.norm(x, `${name}/self_attention/layer_norm`), `${name}/self_attention/linear_0`),
      3,
    )
    x = graph.op('Add', [x, graph.linear(attention(graph, sizes, { q, k, v }), `${name}/self_attention/linear_1`)])
    x = feedForward(graph, x, `${name}/ffn`)
  }
  x = graph.norm(x, 'encoder/layer_norm')
  const crossed = Array.from({ length: sizes.decoderLayers }, (_, layer) =>
    graph.split(graph.linear(x, `decoder/layer_${layer}/attention/linear_1`), 2),
  )
  const stack = (part: number): string =>
    graph.op(
      'Concat',
      crossed.map((pair) => graph.op('Unsqueeze', [pair[part] ?? '', zero])),
      { axis: 0n },
    )
  const shape = [sizes.decoderLayers, 'n', 't', sizes.state]
  return graph.write(
    [{ name: 'mel', dtype: 'float32', shape: ['n', sizes.mels, 'frames'] }],
    {
      [stack(0)]: { name: 'n_layer_cross_k', dtype: 'float32', shape },
      [stack(1)]: { name: 'n_layer_cross_v', dtype: 'float32', shape },
    },
    metadata,
  )
}

/** Tokens at a place in the text to scores of the next; keys and values of all places go in and come out. */
export function decoder(weights: ReadonlyMap<string, Variable>, sizes: Sizes): Uint8Array {
  const future = Float32Array.from({ length: sizes.context ** 2 }, (_, at) =>
    at % sizes.context > Math.floor(at / sizes.context) ? -Infinity : 0,
  )
  const mask: Variable = { dtype: 'float32', shape: [sizes.context, sizes.context], data: encodeValues('float32', [...future]) }
  const graph = new Graph(new Map([...weights, ['mask', mask]]))
  const [zero, all] = [graph.ints(0), graph.ints(sizes.context)]
  const end = graph.op('Add', ['offset', graph.size('tokens', 1)])
  const places = graph.slice(graph.weight('decoder/position_encodings/encodings'), 'offset', end, 0)
  const seen = graph.slice(graph.slice(graph.weight('mask'), 'offset', end, 0), zero, end, 1)
  const embeddings = graph.weight('decoder/embeddings/weight')
  let x = graph.op('Add', [graph.op('Gather', [embeddings, 'tokens']), places])
  const caches: Array<readonly [k: string, v: string]> = []
  for (let layer = 0; layer < sizes.decoderLayers; layer++) {
    const name = `decoder/layer_${layer}`
    const own = (input: string): string => graph.op('Squeeze', [graph.slice(input, graph.ints(layer), graph.ints(layer + 1), 0), zero])
    const [q = '', k = '', v = ''] = graph.split(
      graph.linear(graph.norm(x, `${name}/self_attention/layer_norm`), `${name}/self_attention/linear_0`),
      3,
    )
    const kept = (cache: string, fresh: string): { readonly used: string; readonly whole: string } => {
      const used = graph.op('Concat', [graph.slice(own(cache), zero, 'offset', 1), fresh], { axis: 1n })
      return { used, whole: graph.op('Concat', [used, graph.slice(own(cache), end, all, 1)], { axis: 1n }) }
    }
    const [keys, values] = [kept('in_n_layer_self_k_cache', k), kept('in_n_layer_self_v_cache', v)]
    caches.push([keys.whole, values.whole])
    x = graph.op('Add', [
      x,
      graph.linear(attention(graph, sizes, { q, k: keys.used, v: values.used, mask: seen }), `${name}/self_attention/linear_1`),
    ])
    const asked = graph.linear(graph.norm(x, `${name}/attention/layer_norm`), `${name}/attention/linear_0`)
    const heard = attention(graph, sizes, { q: asked, k: own('n_layer_cross_k'), v: own('n_layer_cross_v') })
    x = graph.op('Add', [x, graph.linear(heard, `${name}/attention/linear_2`)])
    x = feedForward(graph, x, `${name}/ffn`)
  }
  const logits = graph.op('MatMul', [graph.norm(x, 'decoder/layer_norm'), graph.op('Transpose', [embeddings])])
  const stack = (part: 0 | 1): string =>
    graph.op(
      'Concat',
      caches.map((pair) => graph.op('Unsqueeze', [pair[part], zero])),
      { axis: 0n },
    )
  const cache = { dtype: 'float32', shape: [sizes.decoderLayers, 'n', sizes.context, sizes.state] } as const
  const cross = { dtype: 'float32', shape: [sizes.decoderLayers, 'n', 't', sizes.state] } as const
  return graph.write(
    [
      { name: 'tokens', dtype: 'int64', shape: ['n', 'length'] },
      { name: 'in_n_layer_self_k_cache', ...cache },
      { name: 'in_n_layer_self_v_cache', ...cache },
      { name: 'n_layer_cross_k', ...cross },
      { name: 'n_layer_cross_v', ...cross },
      { name: 'offset', dtype: 'int64', shape: [1] },
    ],
    {
      [logits]: { name: 'logits', dtype: 'float32', shape: ['n', 'length', sizes.vocabulary] },
      [stack(0)]: { name: 'out_n_layer_self_k_cache', ...cache },
      [stack(1)]: { name: 'out_n_layer_self_v_cache', ...cache },
    },
    {},
  )
}

/** `softmax(q·kᵀ/√d + mask) · v`, head by head. */
function attention(graph: Graph, { state, heads }: Sizes, { q, k, v, mask }: { q: string; k: string; v: string; mask?: string }): string {
  const size = state / heads
  const apart = (x: string, perm: readonly bigint[]): string =>
    graph.op('Transpose', [graph.op('Reshape', [x, graph.ints(0, 0, heads, size)])], { perm })
  const product = graph.op('MatMul', [apart(q, [0n, 2n, 1n, 3n]), apart(k, [0n, 2n, 3n, 1n])])
  const scores = graph.op('Mul', [product, graph.float(1 / Math.sqrt(size))])
  const weights = graph.op('Softmax', [mask === undefined ? scores : graph.op('Add', [scores, mask])], { axis: -1n })
  const seen = graph.op('Transpose', [graph.op('MatMul', [weights, apart(v, [0n, 2n, 1n, 3n])])], { perm: [0n, 2n, 1n, 3n] })
  return graph.op('Reshape', [seen, graph.ints(0, 0, state)])
}

function feedForward(graph: Graph, x: string, name: string): string {
  const inner = graph.gelu(graph.linear(graph.norm(x, `${name}/layer_norm`), `${name}/linear_0`))
  return graph.op('Add', [x, graph.linear(inner, `${name}/linear_1`)])
}
