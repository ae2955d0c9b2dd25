import { after } from 'node:test'
import { type ModelFixture, engineCompliance } from '@soma/testkit/engine'
import { REMOTE_POLICY_VARIABLE, descriptor } from './index.ts'
import { fixture, goldenAnswers, say } from './test-answers.ts'
import { openPolicy, startOpenAi } from './test-endpoints.ts'

// Soma's own OpenAI face is the endpoint; the other APIs have their tests beside them, in this process.
const openai = await startOpenAi()
after(() => openai[Symbol.asyncDispose]())
const { url } = openai
// The engine's processes inherit it, as they do from the daemon.
process.env[REMOTE_POLICY_VARIABLE] = JSON.stringify(openPolicy([new URL(url).origin]))

const wrong = [{ api: 'smtp' }, { url: 'ftp://127.0.0.1' }, { task: 'text-to-video' }, { task: 'tensor-to-tensor' }, { apiKey: 'sk-1' }]

engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: fixture({ api: 'openai', url, model: 'parrot' }),
  corrupt: wrong.map((field): ModelFixture => fixture({ api: 'openai', url, model: 'parrot', ...field })),
  generate: {
    long: say('word '.repeat(400)),
    answers: goldenAnswers,
    cannot: [
      { name: 'topK', request: { ...say('x'), topK: 3 } },
      { name: 'format', request: { ...say('x'), format: { type: 'grammar', grammar: 'root ::= "x"' } } },
      { name: 'overflow', request: { ...say('x'), overflow: 'truncate' } },
    ],
  },
})
