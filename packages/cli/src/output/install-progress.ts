import type { InstallEvent } from '@soma/spec'
import { PROGRESS_FILES_MAX, PROGRESS_LINE_MS, REDRAW_MS } from '../limits.ts'
import type { Terminal } from '../terminal.ts'
import type { Paint } from './color.ts'
import { formatBar, formatSizes, formatSpeed, fraction, nameWidthMax } from './bar.ts'
import { RedrawnLines } from './redraw.ts'
import { displayWidth, inline, listSome, shortRevisions, truncate, wrapNote } from './text.ts'
import { type FileProgress, Transfer } from './transfer.ts'
import { formatBytes, formatDuration, plural } from './units.ts'

export interface ProgressOptions {
  /** Put before every line. */
  readonly indent?: string
  /** Also a line for each file that was checked, or was on this disk already; else they are counted. */
  readonly verbose?: boolean
  /** What is done to the files: `downloading` and `downloaded`, unless said otherwise. */
  readonly words?: { readonly doing: string; readonly done: string }
  /** Shown on a terminal until the first event: a source may take its time to answer. */
  readonly waiting?: string
}

/**
 * Shows an install, or another transfer, on standard error: bars on a terminal, lines otherwise. Events that happen once
 * (resolved, unpacked, registered) are lines in both.
 */
export class InstallProgress {
  readonly #terminal: Terminal
  readonly #monotonic: () => number
  readonly #options: Required<ProgressOptions>
  readonly #lines: RedrawnLines
  readonly #transfer = new Transfer()
  readonly #adopted = new Tally()
  readonly #verified = new Tally()
  #summarised = false
  #counted = false
  #completed = false
  #shownAtMs = Number.NEGATIVE_INFINITY

  constructor(terminal: Terminal, monotonic: () => number, options: ProgressOptions = {}) {
    this.#terminal = terminal
    this.#options = { indent: '', verbose: false, words: { doing: 'downloading', done: 'downloaded' }, waiting: '', ...options }
    this.#monotonic = monotonic
    this.#lines = new RedrawnLines(terminal.stderr)
    const { indent, waiting } = this.#options
    if (terminal.animated && waiting !== '')
      this.#lines.draw([terminal.stderrPaint.dim(truncate(indent + inline(waiting), terminal.stderrWidth - 1))])
  }

  show(event: InstallEvent): void {
    const now = this.#monotonic()
    this.#transfer.apply(event, now)
    if (event.type === 'adopt') this.#adopted.add(event.sizeBytes)
    if (event.type === 'verify') this.#verified.add(event.sizeBytes)
    if (event.type === 'download') this.#downloaded(event, now)
    else if (this.#options.verbose || !counted.has(event.type)) this.#happened(event)
  }

  /** Sums up what was done, once all of it is. */
  finish(): void {
    this.#lines.clear()
    this.#summarise()
    this.#summariseCounts()
  }

  /** Leaves the terminal clean, also after a failure. */
  end(): void {
    this.#lines.clear()
  }

  #downloaded(event: FileProgress, now: number): void {
    const { complete } = this.#transfer
    const interval = this.#terminal.animated ? REDRAW_MS : PROGRESS_LINE_MS
    // The end is always shown, and only once.
    if (complete ? this.#completed : now - this.#shownAtMs < interval) return
    this.#completed = complete
    this.#shownAtMs = now
    if (this.#terminal.animated) this.#lines.draw(this.#bars())
    else this.#note(this.#plainLine(event))
  }

  #happened(event: Occurrence): void {
    this.#lines.clear()
    if (followsDownloads.has(event.type) && this.#transfer.complete) this.#summarise()
    if (event.type === 'register') this.finish()
    this.#note(describe(event, this.#terminal.stderrPaint))
    // Others are still under way.
    if (this.#terminal.animated && !this.#transfer.complete) this.#lines.draw(this.#bars())
  }

  /** Once the bars have gone, one line says what they showed. */
  #summarise(): void {
    const { fileCount, total, bytesPerSecond } = this.#transfer
    if (fileCount === 0 || this.#summarised) return
    this.#summarised = true
    const resumed = total.resumedBytes > 0 ? `, ${formatBytes(total.resumedBytes)} of it in an earlier run` : ''
    this.#note(
      [`${this.#options.words.done} ${formatBytes(total.receivedBytes)}${resumed}`, ...formatSpeed(bytesPerSecond, undefined)].join('  '),
    )
  }

  /** What was not a line of its own. */
  #summariseCounts(): void {
    if (this.#options.verbose || this.#counted) return
    this.#counted = true
    if (this.#adopted.files > 0) this.#note(`${this.#adopted.text} on this disk already`)
    if (this.#verified.files > 0) this.#note(`${this.#terminal.stderrPaint.green('verified')} ${this.#verified.text}`)
  }

  #note(line: string): void {
    const { indent } = this.#options
    for (const part of wrapNote(line, this.#terminal.stderrWidth - indent.length)) this.#terminal.note(indent + part)
  }

  /** Those under way, and the total of all; a single one is its own total. */
  #bars(): string[] {
    const { fileCount, total, bytesPerSecond, remainingMs } = this.#transfer
    const underWay = fileCount === 1 ? this.#transfer.files : this.#transfer.files.filter((file) => file.receivedBytes !== file.sizeBytes)
    const shown = underWay.slice(0, PROGRESS_FILES_MAX).map((file) => ({ ...file, path: inline(file.path) }))
    const width = this.#terminal.stderrWidth - this.#options.indent.length
    const longest = Math.max(...shown.map((file) => displayWidth(file.path)), 'total'.length)
    const options = { paint: this.#terminal.stderrPaint, width, nameWidth: Math.min(longest, nameWidthMax(width)) }
    const tail = formatSpeed(bytesPerSecond, remainingMs)
    const bars =
      fileCount === 1
        ? shown.map((file) => formatBar(file, { ...options, tail }))
        : [...shown.map((file) => formatBar(file, options)), formatBar(total, { ...options, tail })]
    return bars.map((line) => this.#options.indent + line)
  }

  #plainLine(event: FileProgress): string {
    const { fileCount, total, bytesPerSecond, remainingMs } = this.#transfer
    const of = fileCount > 1 ? total : event
    const percent = of.sizeBytes === null ? '' : ` ${Math.floor(fraction(of) * 100)} %`
    const name = fileCount > 1 ? plural(fileCount, 'file') : inline(event.path)
    const progress = `${this.#options.words.doing} ${name}:${percent} ${formatSizes(of)}`
    return [progress, ...formatSpeed(bytesPerSecond, remainingMs)].join('  ')
  }
}

/** `4 files, 16.0 MB`. */
class Tally {
  files = 0
  #bytes = 0

  add(sizeBytes: number): void {
    this.files += 1
    this.#bytes += sizeBytes
  }

  get text(): string {
    return `${plural(this.files, 'file')}, ${formatBytes(this.#bytes)}`
  }
}

/** Of these there is one for each file: only --verbose wants them as lines. */
const counted: ReadonlySet<InstallEvent['type']> = new Set(['adopt', 'scan', 'verify'])

/** What is done with files that are all there: their sum belongs before it. */
const followsDownloads: ReadonlySet<InstallEvent['type']> = new Set(['unpack', 'warning'])

type Occurrence = Exclude<InstallEvent, { type: 'download' }>

const descriptions: { readonly [Type in Occurrence['type']]: (event: Extract<Occurrence, { type: Type }>, paint: Paint) => string } = {
  resolved: ({ reference, version, files, sizeBytes }, paint) => {
    const size = sizeBytes === null ? '' : `, ${formatBytes(sizeBytes)}`
    const named = reference.includes(version) ? '' : ` is version ${inline(shortRevisions(version))}`
    return `${paint.bold(inline(shortRevisions(reference)))}${named}: ${plural(files, 'file')}${size}`
  },
  retry: ({ path, attempt, delayMs, reason }, paint) => {
    const what = reason.startsWith(path) ? reason : `${path}: ${reason}`
    return paint.yellow(`${inline(what)}; retry ${attempt}${delayMs < 1 ? '' : ` in ${formatDuration(delayMs)}`}`)
  },
  choice: ({ chosen, reason, options }, paint) => {
    const others = options.filter((option) => option !== chosen)
    return `chose ${paint.bold(inline(chosen))}: ${inline(reason)}${others.length > 0 ? paint.dim(` (others: ${listSome(others)})`) : ''}`
  },
  adopt: ({ path, how, sizeBytes }) => `${inline(path)}: on this disk already (${how}, ${formatBytes(sizeBytes)})`,
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
