// The daemon's process: `somad [--port n] [--host address] [--log-level level] [--log-file path]`. Everything else is in
// the configuration file and in SOMA_HOME. Ends by SIGTERM, SIGINT, or the call system.shutdown.
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { SomaError, errorCodes, toSomaError } from '@soma/core'
import { createHostLog, openLogFile, readConfig, somaPaths, systemClock } from '@soma/host'
import { type Config, ConfigSchema } from '@soma/spec'
import { createSoma } from './create-soma.ts'
import { hardenedStart } from './hardened-start.ts'

// Tensors are large and short-lived. Counted towards V8's own limit, they are collected in time instead of by forced full
// collections: 47 of these became 12 in 100 calls of 4 MB, and the daemon's CPU time per call half.
setFlagsFromString('--external-memory-accounted-in-global-limit')

try {
  await main()
} catch (thrown) {
  const error = toSomaError(thrown)
  process.stderr.write(`error: ${error.message}\n  code: ${error.code}\n`)
  process.exit(errorCodes[error.code].exit)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, host: { type: 'string' }, 'log-level': { type: 'string' }, 'log-file': { type: 'string' } },
  })
  const paths = somaPaths()
  const config = configuration(paths.configFile, values)
  const { platform, execPath, execArgv, argv, env } = process
  const hardened = hardenedStart(config, { platform, execPath, execArgv, args: argv.slice(1), env })
  // Takes this process's place: same pid, same streams.
  if (hardened && process.execve) process.execve(hardened.file, hardened.args, hardened.env)
  // Small buffers are pieces of larger ones otherwise, which stay as long as any piece is in use.
  if (config.engines.scrub) Buffer.poolSize = 0
  const output = values['log-file'] === undefined ? undefined : openLogFile(values['log-file'])
  const log = createHostLog({ ...config.log, clock: systemClock, ...(output && { output }) })
  // From the beginning: a signal that comes while it starts must not end it half-way.
  const signalled = firstSignal()
  const soma = await createSoma({ paths, config, env: process.env, log })
  log.info('ready', { pid: process.pid, faces: soma.faces })
  void signalled.then(() => soma.stop())
  process.on('unhandledRejection', (error) => {
    log.error('a failure that nobody handled', { error })
    process.exitCode = errorCodes.internal.exit
    void soma.stop()
  })
  await soma.stopped
  log.info('stopped')
  // Whatever a library left open must not keep a daemon that has stopped.
  process.exit()
}

/** The file's settings, and what the command line says over them. */
function configuration(path: string, values: { readonly port?: string; readonly host?: string; readonly 'log-level'?: string }): Config {
  const config = readConfig(path)
  const { port = config.http.port, host = config.http.host, 'log-level': level = config.log.level } = values
  const changed = ConfigSchema.safeParse({ ...config, http: { ...config.http, host, port: Number(port) }, log: { ...config.log, level } })
  if (changed.success) return changed.data
  const issue = changed.error.issues[0]
  throw new SomaError('config/invalid', `--${issue?.path.at(-1)?.toString()}: ${issue?.message}`)
}

/** Resolves at the first signal, which lets calls finish; a second one does not wait for them. */
function firstSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let signals = 0
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (signals++ === 0) resolve()
      else process.exit(130)
    })
  }
  return promise
}
