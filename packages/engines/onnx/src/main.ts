import process from 'node:process'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { importRuntime } from './runtime.ts'

await runEngineMain(createEngine({ importRuntime, residentBytes: () => process.memoryUsage.rss() }))
