import { spawn } from 'node:child_process'
import { END_SECONDS, LAST_WORDS_LENGTH } from '../limits.ts'
import type { LocalServer } from './recipe.ts'

/**
 * Runs "$@", and ends it when standard input closes: which happens however this process ends, SIGKILL included.
 * The server does not see that input; it gets END_SECONDS to leave by itself.
 */
const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
  cat <&3
  kill -TERM "$server"
  tenths=${END_SECONDS * 10}
  while [ "$tenths" -gt 0 ] && kill -0 "$server"; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill -KILL "$server"
} >/dev/null 2>&1 &
guard=$!
wait "$server"
code=$?
kill "$guard" 2>/dev/null
exit "$code"
`

/**
 * Starts a program whose output goes to our log.
 * @param own the environment of this process, of which it gets what programs need to run at all.
 */
export function startGuarded(
  own: Readonly<Record<string, string | undefined>>,
  log: (text: string) => void,
): (command: string, args: readonly string[], env: Readonly<Record<string, string>>) => LocalServer {
  return (command, args, env) => {
    const child = spawn('/bin/sh', ['-c', GUARD, 'sh', command, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...passedOn(own), ...env },
    })
    let lastWords = ''
    const hear = (text: string): void => {
      lastWords = (lastWords + text).slice(-LAST_WORDS_LENGTH)
      log(text)
    }
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear)
    child.stdin.on('error', () => undefined)
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(`${signal ?? `code ${code}`}\n${lastWords}`.trim()))
    })
    return {
      ended,
      async end() {
        child.stdin.end()
        await ended
      },
    }
  }
}

/** The daemon has chosen what engines see of its environment; the policy, which holds keys, stays here. */
function passedOn(own: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith('SOMA_')))
}
