import process from 'node:process'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'

await runEngineMain(createEngine({ residentBytes: () => process.memoryUsage.rss() }))
