/** How ggml stores 32 weights together: a scale in half precision, then the weights as small whole numbers. */
export const blockTypes = {
  /** `deviation` is the standard deviation of the whole numbers when all their bits are random. */
  q4_0: { number: 2, bytes: 18, deviation: Math.sqrt((16 ** 2 - 1) / 12), fileType: 2 },
  q8_0: { number: 8, bytes: 34, deviation: Math.sqrt((256 ** 2 - 1) / 12), fileType: 7 },
} as const

export type BlockType = keyof typeof blockTypes

export const weightsPerBlock = 32
/** Blocks that are made, and written, at once: about 1 to 2 MB. */
const blocksAtOnce = 65_536

export interface RandomWeights {
  readonly type: BlockType
  readonly width: number
  readonly rows: number
  /** The first rows are zero. */
  readonly zeroRows: number
  readonly rng: Rng
}

/** A seeded stream of 32 random bits each. */
export type Rng = () => number

/** Xorshift: 200 MB take less than a second. */
export function seeded(seed: number): Rng {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  }
}

/** The weights of a matrix, piece by piece, as large as those of a model before its training. The pieces share their memory. */
export function* randomBlocks({ type, width, rows, zeroRows, rng }: RandomWeights): Generator<Uint8Array> {
  const { bytes, deviation } = blockTypes[type]
  const blocksPerRow = width / weightsPerBlock
  const scale = 1 / Math.sqrt(width) / deviation
  const buffer = new Uint32Array((blocksAtOnce * bytes) / 4)
  const view = new DataView(buffer.buffer)
  for (let first = 0; first < rows * blocksPerRow; first += blocksAtOnce) {
    const count = Math.min(blocksAtOnce, rows * blocksPerRow - first)
    for (let index = 0; index < buffer.length; index++) buffer[index] = rng()
    for (let block = 0; block < count; block++) view.setFloat16(block * bytes, first + block < zeroRows * blocksPerRow ? 0 : scale, true)
    yield new Uint8Array(buffer.buffer, 0, count * bytes)
  }
}
