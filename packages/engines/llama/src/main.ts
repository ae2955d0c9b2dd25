import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import process from 'node:process'
import { type Clock, randomId } from '@soma/core'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { Runtime } from './runtime.ts'

/** The unit of /proc/stat on every Linux of today. */
const PROC_TICK_MS = 10
/** What llama.cpp's backends read when they are loaded. */
const visibleDevices = { cuda: 'CUDA_VISIBLE_DEVICES', vulkan: 'GGML_VK_VISIBLE_DEVICES', metal: undefined }

const clock: Pick<Clock, 'monotonic'> = { monotonic: () => performance.now() }
const runtime = new Runtime({
  importLibrary: () => import('node-llama-cpp'),
  selectDevice: (gpu, index) => {
    const name = visibleDevices[gpu]
    if (name !== undefined) process.env[name] = String(index)
  },
  log: (level, message) => {
    if (level === 'error' || level === 'fatal') process.stderr.write(`llama.cpp: ${message}\n`)
  },
})
// Before anybody asks: a process that waits for work is then ready for it.
runtime.llama(false).catch(() => undefined)

await runEngineMain(
  createEngine({
    runtime,
    clock,
    cpuTimes: () => ({ idleMs: idleMs(), ownMs: ownMs() }),
    residentBytes: () => process.memoryUsage.rss(),
    seed: () => randomBytes(4).readUInt32LE(),
    callId: () => randomId({ bytes: (count) => randomBytes(count), float: Math.random }, 'call'),
  }),
)

/** Of all CPUs together. On Linux from the one file that has it: `os.cpus()` reads several for each CPU. */
function idleMs(): number {
  if (process.platform !== 'linux') return cpus().reduce((sum, { times }) => sum + times.idle, 0)
  const [, , , , idle = 0, wait = 0] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]?.split(/\s+/).map(Number) ?? []
  return (idle + wait) * PROC_TICK_MS
}

function ownMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
