import { engineCompliance } from '@soma/testkit/engine'
import { descriptor } from './index.ts'
import { goldenAnswer, goldenAnswers, tinyModel } from './test-model.ts'

const main = new URL('main.ts', import.meta.url)
const hello = goldenAnswer('greeting').request

engineCompliance({
  main,
  descriptor,
  model: { ...tinyModel, settings: { sequences: 4, contextLength: 512 } },
  generate: {
    long: goldenAnswer('count-30').request,
    answers: goldenAnswers,
    tooLong: {
      temperature: 0,
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Is water wet? '.repeat(150) },
      ],
    },
    cannot: [
      { name: 'images', request: { messages: [{ role: 'user', content: 'What is this?', images: [new Uint8Array(4)] }] } },
      { name: 'tools', request: { prompt: 'Hello', tools: [{ name: 'help' }] } },
      { name: 'pattern', request: { ...hello, format: { type: 'json-schema', schema: { type: 'string', pattern: '^a' } } } },
    ],
    sharesPrefixes: true,
    keepsState: true,
  },
})
