import { tmpdir } from 'node:os'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { importSherpa } from './sherpa.ts'

// The library frees a model when its JavaScript object is collected, and V8 does not know how much hangs on it.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

await runEngineMain(createEngine({ importSherpa, collectGarbage, residentBytes: () => process.memoryUsage.rss(), temporary: tmpdir() }))
