import { modelCompliance } from '@soma/testkit/engine'
import { descriptor } from './index.ts'
import { encoder, ranker } from './test-encoder.ts'

const main = new URL('main.ts', import.meta.url)
const tooLong = 'the small old cat sleeps '.repeat(80)

modelCompliance({
  main,
  descriptor,
  model: encoder.fixture,
  embed: { texts: ['the cat sleeps', 'the cat sleeps', 'a red ship sails'], dimensions: encoder.dimensions, tooLong },
})

modelCompliance({
  main,
  descriptor,
  model: ranker.fixture,
  rerank: { query: 'the old dog', documents: ['the cat sleeps', 'a red ship sails', 'the old dog runs'], tooLong },
})
