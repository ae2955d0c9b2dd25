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
  /** After the sizes, e.g. rate and time left: what is worth least comes last, and goes first where there is no room. */
  readonly tail?: readonly string[]
}

const GAP = '  '

/** `det.onnx  ━━━━━━━━╸────────  62 %  2.9 / 4.7 MB  3.1 MB/s  2 s left`. */
export function formatBar(file: FileProgress, { paint, width, nameWidth, tail = [] }: BarOptions): string {
  const percent = file.sizeBytes === null ? '' : `${String(Math.floor(fraction(file) * 100)).padStart(3)} %`
  const facts = [percent, formatSizes(file)]
  const more = [...tail, ...(file.resumedBytes > 0 ? [`${formatBytes(file.resumedBytes)} were there`] : [])]
  const room = (): number => width - 1 - nameWidth - GAP.length - measure([...facts, ...more])
  while (room() < BAR_WIDTH_MIN && more.length > 0) more.pop()
  const rest = [...facts, ...more].map((part) => GAP + part).join('')
  // Without a bar, the name gets its room: where many files come, their names end in what tells them apart.
  if (room() < BAR_WIDTH_MIN) return truncate(nameOf(file, Math.max(nameWidth, width - 1 - rest.length)) + rest, width - 1)
  return `${nameOf(file, nameWidth)}${GAP}${drawBar(fraction(file), Math.min(BAR_WIDTH_MAX, room()), paint)}${rest}`
}

function nameOf({ path }: FileProgress, width: number): string {
  return pad(truncate(path, width), width)
}

function measure(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + GAP.length + part.length, 0)
}

/** Rate and time left, each when known. */
export function formatSpeed(bytesPerSecond: number | undefined, remainingMs: number | undefined): string[] {
  return [
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    // Tenths of a second would only flicker.
    ...(remainingMs === undefined || remainingMs < 500 ? [] : [`${formatDuration(Math.ceil(remainingMs / 1000) * 1000)} left`]),
  ]
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
