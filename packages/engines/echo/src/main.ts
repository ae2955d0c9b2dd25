import { writeSync } from 'node:fs'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'

await runEngineMain(
  createEngine({
    sleep: (delayMs, options) => setTimeout(delayMs, undefined, options),
    block: (durationMs) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs),
    crash: () => process.abort(),
    print: (text) => void writeSync(1, text),
  }),
)
