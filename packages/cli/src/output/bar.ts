import type { Paint } from './color.ts'
import type { FileProgress } from './transfer.ts'
import { pad, truncate } from './text.ts'
import { formatBytes, formatDuration } from './units.ts'

const BAR_WIDTH_MAX = 28
const BAR_WIDTH_MIN = 8

const NAME_WIDTH_MIN = 10

/** Names get a quarter of the line: sizes, rate and time left are worth more than the end of a name. */
export function nameWidthMax(width: number): number {
  return Math.max(NAME_WIDTH_MIN, Math.floor(width / 4))
}

export interface BarOptions {
  readonly paint: Paint
  readonly width: number
  readonly nameWidth: number
  /** After the sizes: rate and time left. */
  readonly tail?: string
}

/** `det.onnx  ━━━━━━━━╸────────  62 %  2.9 / 4.7 MB  3.1 MB/s  2 s left`. */
export function formatBar(file: FileProgress, { paint, width, nameWidth, tail = '' }: BarOptions): string {
  const sizes = formatSizes(file)
  const percent = file.sizeBytes === null ? '' : `${String(Math.floor(fraction(file) * 100)).padStart(3)} %`
  const resumed = file.resumedBytes > 0 ? `  ${formatBytes(file.resumedBytes)} were there` : ''
  const rest = `  ${percent}  ${sizes}${tail}${resumed}`
  const room = Math.min(BAR_WIDTH_MAX, width - nameWidth - 3 - rest.length)
  const name = pad(truncate(file.path, nameWidth), nameWidth)
  if (room < BAR_WIDTH_MIN) return truncate(`${name}${rest}`, width - 1)
  return `${name}  ${drawBar(fraction(file), room, paint)}${rest}`
}

/** Rate and time left, each when known. */
export function formatSpeed(bytesPerSecond: number | undefined, remainingMs: number | undefined): string {
  const rate = bytesPerSecond === undefined ? '' : `  ${formatBytes(bytesPerSecond)}/s`
  return `${rate}${remainingMs === undefined || remainingMs < 500 ? '' : `  ${formatDuration(remainingMs)} left`}`
}

export function formatSizes({ receivedBytes, sizeBytes }: FileProgress): string {
  return sizeBytes === null ? formatBytes(receivedBytes) : `${formatBytes(receivedBytes)} / ${formatBytes(sizeBytes)}`
}

export function fraction({ receivedBytes, sizeBytes }: FileProgress): number {
  return sizeBytes === null || sizeBytes === 0 ? 1 : Math.min(1, receivedBytes / sizeBytes)
}

function drawBar(done: number, width: number, paint: Paint): string {
  const full = Math.floor(done * width)
  const half = full < width && done * width - full >= 0.5 ? '╸' : ''
  return paint.cyan('━'.repeat(full) + half) + paint.dim('─'.repeat(width - full - half.length))
}
