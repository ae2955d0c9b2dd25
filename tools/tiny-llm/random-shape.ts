/** The sizes of a llama. */
export interface LlamaShape {
  readonly vocabulary: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly feedForward: number
}

/** As large as that of the first llamas. */
const vocabulary = 32_000
const head = 64
/** Wider or deeper ones than these are not built. */
const layersPerWidth = { least: 1 / 100, most: 1 / 30 }

export function parametersOf({ vocabulary, width, layers, heads, kvHeads, feedForward }: LlamaShape): number {
  const attention = 2 * width * width * (1 + kvHeads / heads)
  return vocabulary * width + layers * (attention + 3 * width * feedForward + 2 * width) + width
}

/**
 * The usual llama whose number of parameters comes closest.
 * @throws {RangeError} when not even the closest one is within a tenth.
 */
export function shapeWith(parameters: number): LlamaShape {
  const away = (shape: LlamaShape): number => Math.abs(parametersOf(shape) - parameters)
  const [closest] = [...candidates()].sort((a, b) => away(a) - away(b))
  if (closest === undefined || away(closest) > parameters / 10) throw new RangeError(`no usual llama has about ${parameters} parameters`)
  return closest
}

function* candidates(): Generator<LlamaShape> {
  for (let width = 256; width <= 4096; width += 256) {
    const feedForward = Math.round(((width * 8) / 3 + 128) / 256) * 256
    for (let layers = Math.ceil(width * layersPerWidth.least); layers <= width * layersPerWidth.most; layers++) {
      yield { vocabulary, width, layers, heads: width / head, kvHeads: width / head / 4, feedForward }
    }
  }
}
