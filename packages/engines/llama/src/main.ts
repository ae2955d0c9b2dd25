import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { type Clock, randomId } from '@soma/core'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { Runtime } from './runtime.ts'

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
    residentBytes: () => process.memoryUsage.rss(),
    seed: () => randomBytes(4).readUInt32LE(),
    callId: () => randomId({ bytes: (count) => randomBytes(count), float: Math.random }, 'call'),
  }),
)
