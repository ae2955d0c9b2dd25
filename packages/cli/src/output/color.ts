/** Ways to mark text. Without colours each returns its text unchanged. */
export type Paint = Readonly<Record<keyof typeof codes, (text: string) => string>>

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const

export function createPaint(enabled: boolean): Paint {
  const painter = ([on, off]: readonly [number, number]): ((text: string) => string) =>
    enabled ? (text) => `\u001B[${on}m${text}\u001B[${off}m` : (text) => text
  const { bold, dim, red, green, yellow, cyan } = codes
  return { bold: painter(bold), dim: painter(dim), red: painter(red), green: painter(green), yellow: painter(yellow), cyan: painter(cyan) }
}
