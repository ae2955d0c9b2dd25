import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'

await runEngineMain(createEngine())
