import process from 'node:process'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { importRuntime } from './runtime.ts'

/** What has come in is read before an immediate runs. */
const pause = async (delayMs: number): Promise<void> => await (delayMs > 0 ? setTimeout(delayMs) : setImmediate())

await runEngineMain(createEngine({ importRuntime, residentBytes: () => process.memoryUsage.rss(), pause }))
