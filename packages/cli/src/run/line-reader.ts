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

/** Lines typed at a terminal, with editing and the arrow keys' history. Nothing of it is kept on disk. */
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
  const done = (line: string | undefined): void => {
    finish?.(line)
    finish = undefined
  }
  lines.on('line', done)
  lines.on('close', () => done(undefined))
  lines.on('SIGINT', () => {
    if (working) return working.abort()
    if (lines.line === '') return lines.close()
    output.write('^C\n')
    lines.write(null, { ctrl: true, name: 'u' })
    lines.prompt()
  })
  signal.addEventListener('abort', () => lines.close())
  return {
    ask: async (prompt) => {
      if (signal.aborted || (lines as { closed?: boolean }).closed === true) return undefined
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
        lines.write(null, { ctrl: true, name: 'u' })
        isSilent = false
      }
    },
    [Symbol.dispose]: () => lines.close(),
  }
}
