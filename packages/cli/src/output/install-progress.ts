import type { InstallEvent } from '@soma/spec'
import { PROGRESS_FILES_MAX, PROGRESS_LINE_MS, REDRAW_MS } from '../limits.ts'
import type { Terminal } from '../terminal.ts'
import type { Paint } from './color.ts'
import { formatBar, formatSizes, formatSpeed, fraction } from './bar.ts'
import { RedrawnLines } from './redraw.ts'
import { displayWidth, inline } from './text.ts'
import { type FileProgress, Transfer } from './transfer.ts'
import { formatBytes, formatDuration, plural } from './units.ts'

const NAME_WIDTH_MAX = 36

/**
 * Shows an install on standard error: bars on a terminal, lines otherwise. Events that happen once (resolved, unpacked,
 * verified) are lines in both.
 */
export class InstallProgress {
  readonly #terminal: Terminal
  readonly #monotonic: () => number
  readonly #lines: RedrawnLines
  readonly #transfer = new Transfer()
  readonly #indent: string
  #summarised = false
  #completed = false
  #shownAtMs = Number.NEGATIVE_INFINITY

  /** @param indent put before every line. */
  constructor(terminal: Terminal, monotonic: () => number, indent = '') {
    this.#terminal = terminal
    this.#indent = indent
    this.#monotonic = monotonic
    this.#lines = new RedrawnLines(terminal.stderr)
  }

  show(event: InstallEvent): void {
    const now = this.#monotonic()
    this.#transfer.apply(event, now)
    if (event.type === 'download') this.#downloaded(event, now)
    else this.#happened(event)
  }

  /** Leaves the terminal clean, also after a failure. */
  end(): void {
    this.#lines.clear()
  }

  #downloaded(event: FileProgress, now: number): void {
    const complete = this.#transfer.files.every((file) => file.receivedBytes === file.sizeBytes)
    const interval = this.#terminal.animated ? REDRAW_MS : PROGRESS_LINE_MS
    // The end is always shown, and only once.
    if (complete ? this.#completed : now - this.#shownAtMs < interval) return
    this.#completed = complete
    this.#shownAtMs = now
    if (this.#terminal.animated) this.#lines.draw(this.#bars())
    else this.#terminal.note(this.#indent + this.#plainLine(event))
  }

  #happened(event: Occurrence): void {
    this.#lines.clear()
    if (event.type !== 'retry') this.#summarise()
    this.#terminal.note(this.#indent + describe(event, this.#terminal.stderrPaint))
    if (this.#terminal.animated && event.type === 'retry') this.#lines.draw(this.#bars())
  }

  /** Once the bars have gone, one line says what they showed. */
  #summarise(): void {
    const { files, total, bytesPerSecond } = this.#transfer
    if (files.length === 0 || this.#summarised) return
    this.#summarised = true
    const resumed = total.resumedBytes > 0 ? `, ${formatBytes(total.resumedBytes)} of it in an earlier run` : ''
    this.#terminal.note(`${this.#indent}downloaded ${formatBytes(total.receivedBytes)}${resumed}${formatSpeed(bytesPerSecond, undefined)}`)
  }

  #bars(): string[] {
    const { files, total, bytesPerSecond, remainingMs } = this.#transfer
    // Those under way matter more than those that are done.
    const byProgress = files.toSorted((a, b) => fraction(a) - fraction(b)).slice(0, PROGRESS_FILES_MAX)
    const shown = byProgress.map((file) => ({ ...file, path: inline(file.path) }))
    const nameWidth = Math.min(NAME_WIDTH_MAX, Math.max(...shown.map((file) => displayWidth(file.path)), 'total'.length))
    const options = { paint: this.#terminal.stderrPaint, width: this.#terminal.stderrWidth - this.#indent.length, nameWidth }
    const tail = formatSpeed(bytesPerSecond, remainingMs)
    const bars =
      shown.length === 1
        ? shown.map((file) => formatBar(file, { ...options, tail }))
        : [...shown.map((file) => formatBar(file, options)), formatBar(total, { ...options, tail })]
    return bars.map((line) => this.#indent + line)
  }

  #plainLine(event: FileProgress): string {
    const { files, total, bytesPerSecond, remainingMs } = this.#transfer
    const of = files.length > 1 ? total : event
    const percent = of.sizeBytes === null ? '' : ` ${Math.floor(fraction(of) * 100)} %`
    const name = files.length > 1 ? plural(files.length, 'file') : inline(event.path)
    return `downloading ${name}:${percent} ${formatSizes(of)}${formatSpeed(bytesPerSecond, remainingMs)}`
  }
}

type Occurrence = Exclude<InstallEvent, { type: 'download' }>

const descriptions: { readonly [Type in Occurrence['type']]: (event: Extract<Occurrence, { type: Type }>, paint: Paint) => string } = {
  resolved: ({ reference, version, files, sizeBytes }, paint) => {
    const size = sizeBytes === null ? '' : `, ${formatBytes(sizeBytes)}`
    const named = reference.includes(version) ? '' : ` is version ${inline(version)}`
    return `${paint.bold(inline(reference))}${named}: ${plural(files, 'file')}${size}`
  },
  retry: ({ path, attempt, delayMs, reason }, paint) =>
    paint.yellow(`${inline(path)}: attempt ${attempt} in ${formatDuration(delayMs)} (${inline(reason)})`),
  choice: ({ chosen, reason }, paint) => `chose ${paint.bold(inline(chosen))}: ${inline(reason)}`,
  adopt: ({ path, how, sizeBytes }) => `${inline(path)}: was here already (${how}, ${formatBytes(sizeBytes)})`,
  scan: ({ path, format }) => `checked ${inline(path)} (${format})`,
  warning: ({ message }, paint) => paint.yellow(`warning: ${inline(message)}`),
  unpack: ({ path, files }) => `unpacked ${inline(path)}: ${plural(files, 'file')}`,
  verify: ({ path, sizeBytes, digest }, paint) =>
    `${paint.green('verified')} ${inline(path)}  ${formatBytes(sizeBytes)}  ${paint.dim(digest.slice(0, 19))}`,
  register: ({ name }, paint) => `registered as ${paint.bold(name)}`,
}

function describe<Type extends Occurrence['type']>(event: Extract<Occurrence, { type: Type }>, paint: Paint): string {
  return descriptions[event.type](event, paint)
}
