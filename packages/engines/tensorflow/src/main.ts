import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

await runEngineMain(createEngine({ residentBytes: () => process.memoryUsage.rss(), collectGarbage }))
