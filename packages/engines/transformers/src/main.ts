import { randomInt } from 'node:crypto'
import process from 'node:process'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { importLibrary, refuseFetch } from './library.ts'

// Whatever a package's configuration names, this process asks no network.
globalThis.fetch = refuseFetch

await runEngineMain(createEngine({ importLibrary, randomSeed: () => randomInt(2 ** 32), residentBytes: () => process.memoryUsage.rss() }))
