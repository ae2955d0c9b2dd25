import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChatTemplate } from './template.ts'

const texts = { bos: '', eos: '' }
const hello = [{ role: 'user', content: 'Hello' }] as const
const render = (template: string): string => new ChatTemplate(template, texts, 500).render(hello)

test('a template writes a conversation, and says itself what it refuses', () => {
  assert.equal(render('{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}'), '<user>Hello')
  assert.throws(() => render('{{ raise_exception("no system first") }}'), { code: 'model/input-mismatch', message: /no system first/ })
  assert.throws(() => new ChatTemplate('{% for %}', texts), { code: 'model/load-failed' })
})

test('a template that does not end, or never stops growing, fails its call and nothing else', () => {
  const loop = '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'
  assert.throws(() => render(loop), { code: 'engine/failed', message: /had not ended/ })
  const grows = '{% set n = namespace(s="aaaaaaaa") %}{% for i in range(40) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}'
  assert.throws(() => render(grows), { code: 'model/input-mismatch', message: /string length/ })
})
