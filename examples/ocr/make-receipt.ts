/**
 * Draws `receipt.png`: a till receipt as a flatbed scanner would see it, and `receipt.txt`, what is written on it.
 * Needs the Debian package `fonts-dejavu`. The same fonts and library give the same bytes: the noise is seeded.
 *
 *     node examples/ocr/make-receipt.ts
 */
import { writeFile } from 'node:fs/promises'
import { createSeededRng, type Rng } from '@soma/core'
import sharp from 'sharp'

const paper = { width: 560, height: 950 }
/** Scanner glass around the paper. */
const margin = 36
const tiltDegrees = -1.1
const seed = 7662

type Style = 'title' | 'plain' | 'total'
interface Row {
  readonly style: Style
  readonly left: string
  /** Set flush right; a row without it is centred when `centred`. */
  readonly right?: string
  readonly centred?: boolean
}

const centred = (left: string, style: Style = 'plain'): Row => ({ style, left, centred: true })
const pair = (left: string, right: string, style: Style = 'plain'): Row => ({ style, left, right })
const rule = 'rule'

const rows: ReadonlyArray<Row | typeof rule> = [
  centred('HARBOUR STREET GROCERS', 'title'),
  centred('14 Harbour Street, Whitby'),
  centred('Tel. 01947 555 0142'),
  centred('VAT No. 284 1193 07'),
  rule,
  pair('Date 12/03/2025', 'Time 17:46'),
  pair('Till 03', 'Receipt 0081-2297'),
  rule,
  pair('Sourdough loaf 800g', '3.40'),
  pair('Semi-skimmed milk 2L', '1.85'),
  pair('Free range eggs x12', '3.95'),
  pair('Cheddar, mature 350g', '4.20'),
  pair('Tomatoes 0.642 kg @ 2.90', '1.86'),
  pair('Bananas 1.105 kg @ 1.15', '1.27'),
  pair('Olive oil 500ml', '6.75'),
  pair('Ground coffee No. 4', '4.60'),
  pair('Oat biscuits 2 @ 1.30', '2.60'),
  pair('Discount 10% biscuits', '-0.26'),
  rule,
  pair('Subtotal (11 items)', '30.22'),
  pair('VAT 20% on 11.35', '1.89'),
  pair('TOTAL GBP', '30.22', 'total'),
  pair('Card **** 4417', '30.22'),
  pair('Change', '0.00'),
  rule,
  centred('Auth 093715  Ref K7-55-QX'),
  centred('You were served by Maria'),
  centred('Thank you for shopping local!'),
]

const fonts: Readonly<Record<Style, { family: string; size: number; weight: string; leading: number }>> = {
  title: { family: 'DejaVu Sans', size: 29, weight: 'bold', leading: 44 },
  plain: { family: 'DejaVu Sans Mono', size: 21, weight: 'normal', leading: 31 },
  total: { family: 'DejaVu Sans Mono', size: 27, weight: 'bold', leading: 42 },
}
const ink = '#303030'
const glass = '#8f8f8f'
const sideMargin = 34
const ruleLeading = 30
const greyStep = 12
const foldStops = '<stop stop-opacity="0"/><stop offset="0.5" stop-opacity="0.16"/><stop offset="1" stop-opacity="0"/>'

function drawRow(row: Row, y: number): string {
  const { family, size, weight } = fonts[row.style]
  const text = (x: number, anchor: string, words: string): string =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" font-family="${family}" font-size="${size}" font-weight="${weight}" fill="${ink}" xml:space="preserve">${words}</text>`
  if (row.centred) return text(paper.width / 2, 'middle', row.left)
  return text(sideMargin, 'start', row.left) + text(paper.width - sideMargin, 'end', row.right ?? '')
}

function drawRule(y: number): string {
  return `<line x1="${sideMargin}" x2="${paper.width - sideMargin}" y1="${y}" y2="${y}" stroke="${ink}" stroke-width="2" stroke-dasharray="7 6"/>`
}

function drawPaper(): string {
  let y = 40
  const marks = rows.map((row) => {
    y += row === rule ? ruleLeading : fonts[row.style].leading
    return row === rule ? drawRule(y - ruleLeading * 0.2) : drawRow(row, y)
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${paper.width}" height="${paper.height}">`,
    `<defs><linearGradient id="fold" x2="0" y2="1">${foldStops}</linearGradient></defs>`,
    `<rect width="100%" height="100%" fill="#f1f1f1"/>${marks.join('')}`,
    `<rect width="100%" height="26" y="${paper.height * 0.57}" fill="url(#fold)"/></svg>`,
  ].join('')
}

/** Lays the paper on the glass, a little crooked. */
async function scan(svg: string): Promise<{ data: Buffer; width: number; height: number }> {
  const { data, info } = await sharp(Buffer.from(svg))
    .rotate(tiltDegrees, { background: glass })
    .extend({ top: margin, bottom: margin, left: margin, right: margin, background: glass })
    .blur(0.6)
    .greyscale()
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height }
}

/** An uneven lamp, thermal print that fades to the left, and sensor noise; in few greys, so that the file stays small. */
function wear({ data, width, height }: { data: Buffer; width: number; height: number }, rng: Rng): void {
  for (let at = 0; at < width * height; at++) {
    const x = (at % width) / width
    const lamp = 1.03 - 0.2 * x ** 2 - (0.07 * at) / data.length
    const fade = 26 * Math.max(0, 1 - 2 * x)
    const noise = (rng.float() + rng.float() - 1) * 14
    const grey = ((data[at] ?? 0) + fade) * lamp + noise
    data[at] = Math.max(0, Math.min(255, Math.round(grey / greyStep) * greyStep))
  }
}

function groundTruth(): string {
  const written = rows.filter((row) => row !== rule)
  return written.map((row) => (row.right === undefined ? row.left : `${row.left}\t${row.right}`).replaceAll('  ', ' ')).join('\n') + '\n'
}

const picture = await scan(drawPaper())
wear(picture, createSeededRng(seed))
const png = await sharp(picture.data, { raw: { width: picture.width, height: picture.height, channels: 1 } })
  .png({ palette: true, colours: 24, dither: 0, effort: 10, compressionLevel: 9 })
  .toBuffer()
await writeFile(new URL('receipt.png', import.meta.url), png)
await writeFile(new URL('receipt.txt', import.meta.url), groundTruth())
