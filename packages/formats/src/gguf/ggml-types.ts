/** How a tensor's elements are stored: in blocks, each with its own scale. */
export interface GgmlType {
  readonly name: string
  readonly blockElements: number
  readonly blockBytes: number
}

/** Elements of one super-block of the K and I quantisations. */
const QK = 256

/** Number → name, elements and bytes of a block. @see https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h */
const types: ReadonlyMap<number, GgmlType> = new Map(
  (
    [
      [0, 'F32', 1, 4],
      [1, 'F16', 1, 2],
      [2, 'Q4_0', 32, 18],
      [3, 'Q4_1', 32, 20],
      [6, 'Q5_0', 32, 22],
      [7, 'Q5_1', 32, 24],
      [8, 'Q8_0', 32, 34],
      [9, 'Q8_1', 32, 40],
      [10, 'Q2_K', QK, 84],
      [11, 'Q3_K', QK, 110],
      [12, 'Q4_K', QK, 144],
      [13, 'Q5_K', QK, 176],
      [14, 'Q6_K', QK, 210],
      [15, 'Q8_K', QK, 292],
      [16, 'IQ2_XXS', QK, 66],
      [17, 'IQ2_XS', QK, 74],
      [18, 'IQ3_XXS', QK, 98],
      [19, 'IQ1_S', QK, 50],
      [20, 'IQ4_NL', 32, 18],
      [21, 'IQ3_S', QK, 110],
      [22, 'IQ2_S', QK, 82],
      [23, 'IQ4_XS', QK, 136],
      [24, 'I8', 1, 1],
      [25, 'I16', 1, 2],
      [26, 'I32', 1, 4],
      [27, 'I64', 1, 8],
      [28, 'F64', 1, 8],
      [29, 'IQ1_M', QK, 56],
      [30, 'BF16', 1, 2],
      // Q4_0 in another order, for some processors; no longer written, but still around.
      [31, 'Q4_0_4_4', 32, 18],
      [32, 'Q4_0_4_8', 32, 18],
      [33, 'Q4_0_8_8', 32, 18],
      [34, 'TQ1_0', QK, 54],
      [35, 'TQ2_0', QK, 66],
      [39, 'MXFP4', 32, 17],
      [40, 'NVFP4', 64, 36],
      [41, 'Q1_0', 128, 18],
    ] as const
  ).map(([number, name, blockElements, blockBytes]) => [number, { name, blockElements, blockBytes }]),
)

/** The type with this number; undefined when it was never given, or taken back before files with it spread. */
export function ggmlType(number: number): GgmlType | undefined {
  return types.get(number)
}
