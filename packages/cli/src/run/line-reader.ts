import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { CliIo } from '../terminal.ts'

/** Where a conversation's lines come from. */
export interface LineReader extends Disposable {
  /** @returns undefined when there are no more: end of input, or Ctrl-C on an empty line. */
  ask(prompt: string): Promise<string | undefined>
  /** Runs something that Ctrl-C ends without ending the conversation. Nothing is read, and nothing typed is shown, meanwhile. */
  during<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result>
}

/** Asks a terminal to say where a paste begins and ends, and not to any more. */
const PASTES_ON = '\u001B[?2004h'
const PASTES_OFF = '\u001B[?2004l'
/** Stands before the last line of a paste, which is sent with the others. */
const PASTED = '... '

/**
 * Lines typed at a terminal, with editing and the arrow keys' history. Nothing of it is kept on disk. Lines that are pasted
 * together are one answer, sent by Enter; where a terminal does not say that they were, they are answers one after another.
 */
export function createLineReader(
  { stdin, stdout, signal }: Pick<CliIo, 'stdin' | 'stdout' | 'signal'>,
  words: readonly string[],
): LineReader {
  let isSilent = false
  const output = Object.assign(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!isSilent) stdout.write(chunk.toString())
        done()
      },
    }),
    { columns: stdout.columns ?? 80, isTTY: true },
  )
  const complete = (line: string): [string[], string] => [words.filter((word) => line !== '' && word.startsWith(line)), line]
  const lines = createInterface({ input: stdin, output, terminal: true, completer: complete })
  let working: AbortController | undefined
  let finish: ((line: string | undefined) => void) | undefined
  let isPasting = false
  let asked = ''
  /** The lines of a paste before the one that is being edited. */
  let pasted: string[] = []
  /** Lines that came in one read with the one that was asked for; they were shown. */
  let early: string[] = []
  const done = (line: string | undefined): void => {
    finish?.(line)
    finish = undefined
  }
  const forget = (): void => {
    pasted = []
    early = []
    lines.write(null, { ctrl: true, name: 'u' })
  }
  stdin.on('keypress', (_text: unknown, { name }: { name?: string } = {}) => {
    if (name === 'paste-start') isPasting = true
    if (name !== 'paste-end') return
    isPasting = false
    if (working || pasted.length === 0) return
    lines.setPrompt(PASTED)
    lines.prompt(true)
  })
  lines.on('line', (line) => {
    if (working) return
    pasted.push(line)
    if (isPasting) return
    const text = pasted.join('\n')
    pasted = []
    if (finish) done(text)
    else early.push(text)
  })
  lines.on('close', () => {
    if (finish) stdout.write('\n')
    stdout.write(PASTES_OFF)
    done(undefined)
  })
  lines.on('SIGINT', () => {
    if (working) {
      early = []
      return working.abort()
    }
    if (lines.line === '' && pasted.length === 0) return lines.close()
    // To the end of the line first: only what is before the cursor is taken away, and ^C stands behind all of it.
    lines.write(null, { ctrl: true, name: 'e' })
    output.write('^C\n')
    forget()
    lines.setPrompt(asked)
    lines.prompt()
  })
  stdout.write(PASTES_ON)
  signal.addEventListener('abort', () => lines.close())
  return {
    ask: async (prompt) => {
      if (signal.aborted || (lines as { closed?: boolean }).closed === true) return undefined
      asked = prompt
      const next = early.shift()
      if (next !== undefined) {
        stdout.write(`${prompt}${next}\n`)
        return next
      }
      const { promise, resolve } = Promise.withResolvers<string | undefined>()
      finish = resolve
      lines.setPrompt(prompt)
      lines.prompt()
      return await promise
    },
    during: async (work) => {
      working = new AbortController()
      isSilent = true
      try {
        return await work(AbortSignal.any([signal, working.signal]))
      } finally {
        working = undefined
        // What was typed meanwhile was not seen, and must not be sent unseen.
        pasted = []
        lines.write(null, { ctrl: true, name: 'u' })
        isSilent = false
      }
    },
    [Symbol.dispose]: () => lines.close(),
  }
}
