import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { GenerateEvent } from '@soma/spec'
import { ToolCallReader } from './tool-call-reader.ts'
import { styleOf } from './tool-style.ts'

const templates = { hermes: '<tool_call>', mistral: '[TOOL_CALLS]', llama3: '<|python_tag|>' }

function read(style: keyof typeof templates, pieces: readonly string[], isOpen = false): { text: string; calls: unknown[] } {
  let calls = 0
  const reader = new ToolCallReader(styleOf(templates[style]), { isOpen, id: () => `call-${calls++}` })
  const events: GenerateEvent[] = [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
  const asked = events.flatMap(({ toolCall }) => (toolCall ? [[toolCall.id, toolCall.name, JSON.parse(toolCall.arguments)]] : []))
  return { text: events.map(({ text }) => text).join(''), calls: asked }
}

const answers: ReadonlyArray<{ style: keyof typeof templates; answer: string; text: string; calls: unknown[] }> = [
  {
    style: 'hermes',
    answer:
      'Let me see. <tool_call>\n{"name": "sky", "arguments": {"city": "Paris"}}\n</tool_call><tool_call>{"name":"now","arguments":{}}</tool_call> Done.',
    text: 'Let me see.  Done.',
    calls: [
      ['call-0', 'sky', { city: 'Paris' }],
      ['call-1', 'now', {}],
    ],
  },
  {
    style: 'hermes',
    answer:
      '<tool_call>\n<function=sky>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
    text: '',
    calls: [['call-0', 'sky', { city: 'Paris', days: 3 }]],
  },
  { style: 'hermes', answer: 'a <tool_call>no json</tool_call> b', text: 'a <tool_call>no json</tool_call> b', calls: [] },
  { style: 'hermes', answer: '<tool_call>{"name": "sky", "argum', text: '<tool_call>{"name": "sky", "argum', calls: [] },
  { style: 'hermes', answer: '1 < 2, <tool', text: '1 < 2, <tool', calls: [] },
  {
    style: 'mistral',
    answer: '[TOOL_CALLS][{"name": "sky", "arguments": {"city": "Paris"}}, {"name": "now", "arguments": {}}]',
    text: '',
    calls: [
      ['call-0', 'sky', { city: 'Paris' }],
      ['call-1', 'now', {}],
    ],
  },
  { style: 'mistral', answer: '[TOOL_CALLS]sky[ARGS]{"city": "Paris"}', text: '', calls: [['call-0', 'sky', { city: 'Paris' }]] },
  { style: 'llama3', answer: '{"name": "sky", "parameters": {"city": "Paris"}}', text: '', calls: [['call-0', 'sky', { city: 'Paris' }]] },
  {
    style: 'llama3',
    answer: 'An object is {"name": "sky", "parameters": {}}',
    text: 'An object is {"name": "sky", "parameters": {}}',
    calls: [],
  },
  { style: 'llama3', answer: '{"colour": "red"}', text: '{"colour": "red"}', calls: [] },
]

for (const { style, answer, text, calls } of answers)
  test(`${style}: ${JSON.stringify(answer)} is read alike wherever it is cut`, () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 0, max: answer.length }), { maxLength: 8 })
    fc.assert(
      fc.property(cuts, (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), answer.length]
        const pieces = places.slice(1).map((end, index) => answer.slice(places[index], end))
        assert.deepEqual(read(style, pieces), { text, calls })
      }),
    )
  })

test('after a prompt that opens a request, the answer is one from its first letter on', () => {
  assert.deepEqual(read('hermes', ['{"name": "sky", ', '"arguments": {}}'], true), { text: '', calls: [['call-0', 'sky', {}]] })
})
