import { Console } from 'node:console'
import process from 'node:process'
import type { Writable } from 'node:stream'
import type { Engine } from '@soma/spec'
import { serveEngine } from './serve.ts'
import { createStderrLog } from './stderr-log.ts'

/** Long enough to free a large model, short enough that a host which waits for its children does not notice. */
const EXIT_GRACE_MS = 1500

/**
 * The whole of an engine's `main.ts`: serves SMI on stdin and stdout until the host closes them or sends SIGTERM.
 * Ends the process: with 0 after an orderly end, with 1 when what came was not SMI or the host went away in mid-call.
 */
export async function runEngineMain(engine: Engine): Promise<never> {
  const stdout = takeStdout()
  const log = createStderrLog((line) => process.stderr.write(line), Date.now)
  // Ctrl-C reaches the whole terminal group; the host decides when its engines end.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => process.exit(0))
  process.stdin.once('close', () => setTimeout(() => process.exit(1), EXIT_GRACE_MS).unref())
  const reason = await serveEngine(engine, { readable: process.stdin, writable: stdout, log })
  if (reason) log.error('the connection to the host broke', { reason: reason.message, code: reason.code })
  process.exit(reason ? 1 : 0)
}

/** Libraries print; on stdout that would break the protocol. Only the engine's frames go there, all else to stderr. */
function takeStdout(): Writable {
  const { stdout } = process
  Object.defineProperty(process, 'stdout', { value: process.stderr, configurable: true })
  globalThis.console = new Console(process.stderr, process.stderr)
  return stdout
}
