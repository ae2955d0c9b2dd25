import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnderTest, type Generated, generated, layOut, refused } from '@soma/testkit/engine'
import { tinyModel } from './test-model.ts'

const main = new URL('main.ts', import.meta.url)
const SECRET = 'sesame'

test('nothing of a request is written to the log: not a grammar that is bad, nor a prompt that is refused or answered', async () => {
  await using engine = new EngineUnderTest(main)
  await using folder = await layOut(tinyModel)
  await engine.hello()
  await engine.load(folder.pkg)
  const ask = (grammar: string): Promise<Generated> =>
    generated(engine, { prompt: SECRET, temperature: 0, maxTokens: 8, format: { type: 'grammar', grammar } })
  const bad = [
    `${SECRET} := "a"`,
    `root ::= "${SECRET}`,
    `root ::= ${SECRET}`,
    `root ::= root "${SECRET}" | "a"`,
    `root ::= ("" | e)* "${SECRET}"\ne ::= ""`,
    `root ::= "${SECRET}"{3,2}`,
    `root ::= ([${SECRET}]+)+`,
    `root ::= ${'('.repeat(60_000)}"${SECRET}"`,
    `# ${SECRET}`,
  ]
  for (const grammar of bad) await refused(ask(grammar), 'model/input-mismatch', grammar.slice(0, 80))
  await refused(generated(engine, { prompt: `${SECRET} `.repeat(10_000) }), 'model/context-overflow')
  assert.equal((await ask(`root ::= "${SECRET}"`)).text, SECRET)
  assert.equal(engine.stderr, '')
})
