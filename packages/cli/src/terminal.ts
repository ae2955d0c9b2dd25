import type { Readable } from 'node:stream'
import { type Paint, createPaint } from './output/color.ts'
import { printable, printableJson } from './output/text.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A stream that commands write to. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** What a command line program is given: streams, environment, and the signal that Ctrl-C aborts. */
export interface CliIo {
  readonly stdin: Readable
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Environment
  readonly signal: AbortSignal
}

/**
 * Where a command writes: results to standard output, everything else to standard error. No control characters but colours
 * get through, whatever a model or a peer has put into a text.
 */
export interface Terminal {
  /** Paints what goes to standard output, if it may have colours. */
  readonly paint: Paint
  /** Columns to fit lines into; `Infinity` when the output is not a terminal, so that nothing is cut. */
  readonly width: number
  /** Whether progress can be drawn in place on standard error. */
  readonly animated: boolean
  readonly stderr: OutputStream
  readonly stderrPaint: Paint
  readonly stderrWidth: number
  /** One line of the result. */
  line(text?: string): void
  /** Text of the result as it comes, without a line feed. */
  text(text: string): void
  /** One line beside the result. */
  note(text: string): void
  /** A document of the result: indented for people, one line for programs. */
  json(value: unknown): void
}

/** Columns when a terminal does not say. */
const WIDTH_DEFAULT = 80

export function createTerminal({ stdout, stderr, env }: Pick<CliIo, 'stdout' | 'stderr' | 'env'>): Terminal {
  const dumb = env['TERM'] === 'dumb'
  const colorful = (stream: OutputStream): boolean => stream.isTTY === true && !dumb && (env['NO_COLOR'] ?? '') === ''
  const columns = (stream: OutputStream): number => (stream.isTTY === true ? stream.columns || WIDTH_DEFAULT : Infinity)
  const colors = { stdout: colorful(stdout), stderr: colorful(stderr) }
  return {
    paint: createPaint(colors.stdout),
    width: columns(stdout),
    animated: stderr.isTTY === true && !dumb,
    stderr,
    stderrPaint: createPaint(colors.stderr),
    stderrWidth: columns(stderr),
    line: (text = '') => void stdout.write(`${printable(text, colors.stdout)}\n`),
    text: (text) => void stdout.write(printable(text, colors.stdout)),
    note: (text) => void stderr.write(`${printable(text, colors.stderr)}\n`),
    json: (value) => void stdout.write(`${printableJson(value, stdout.isTTY === true ? 2 : undefined)}\n`),
  }
}
