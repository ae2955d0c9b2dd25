import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import { defined, silentLog } from '@soma/core'
import type { GenerateRequest, GenerateResult, LoadedModel } from '@soma/spec'
import { type ModelFixture, layOut } from '@soma/testkit/engine'
import { createEngine } from './engine.ts'
import type { RemoteDeps } from './load.ts'
import { openPolicy } from './test-endpoints.ts'

export const fixture = (endpoint: object, task = 'text-generation'): ModelFixture => ({
  files: { 'endpoint.json': JSON.stringify(endpoint) },
  roles: { model: 'endpoint.json' },
  format: 'remote',
  task,
})

export const say = (content: string) => ({ messages: [{ role: 'user' as const, content }] })
const words = 'one two three four five six seven'
const weather = { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }

/** What a parrot answers, whatever API it is behind. */
export const goldenAnswers = [
  { request: say(words), text: words, finish: 'stop' as const, promptTokens: 7, generatedTokens: 7 },
  { request: say('naïve “quotes” 日本語 🦜 end'), text: 'naïve “quotes” 日本語 🦜 end', finish: 'stop' as const },
  {
    request: { ...say('Weather in Rome?'), tools: [weather] },
    text: '',
    finish: 'tool-calls' as const,
    toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }],
  },
]

export const ctx = { signal: new AbortController().signal, log: silentLog }

export const deps: RemoteDeps = {
  policy: openPolicy([]),
  fetch,
  freePort: () => Promise.reject(new Error('no port is needed')),
  start: () => assert.fail('no program is to be started'),
  sleep: (delayMs, options) => setTimeout(delayMs, undefined, options),
  deadline: (delayMs) => AbortSignal.timeout(delayMs),
  residentBytes: () => 1,
}

/** Loads an endpoint's description in this process. */
export async function loadEndpoint(endpoint: object, more: Partial<RemoteDeps> = {}, task?: string): Promise<LoadedModel> {
  await using folder = await layOut(fixture(endpoint, task))
  return await createEngine({ ...deps, ...more }).load(folder.pkg, { threads: 1, settings: {} }, ctx)
}

export interface Said {
  readonly text: string
  readonly toolCalls: ReadonlyArray<{ readonly name: string; readonly arguments: unknown }>
  readonly result: GenerateResult
}

export async function said(model: LoadedModel, request: GenerateRequest, signal = ctx.signal): Promise<Said> {
  const events = defined(model.generate?.(request, { ...ctx, signal }), 'the model generates')
  const toolCalls: Array<Said['toolCalls'][number]> = []
  let text = ''
  for (let step = await events.next(); ; step = await events.next()) {
    if (step.done) return { text, toolCalls, result: step.value }
    text += step.value.text
    const { toolCall } = step.value
    if (toolCall) toolCalls.push({ name: toolCall.name, arguments: JSON.parse(toolCall.arguments) })
  }
}

/** Fails unless every known answer comes, to the letter, with a stop text and an upper bound of tokens, too. */
export async function assertParrot(model: LoadedModel): Promise<void> {
  for (const { request, text, finish, ...golden } of goldenAnswers) {
    const answer = await said(model, request)
    assert.deepEqual([answer.text, answer.result.finish, answer.toolCalls], [text, finish, golden.toolCalls ?? []])
    if (golden.promptTokens !== undefined) assert.equal(answer.result.usage.promptTokens, golden.promptTokens)
    if (golden.generatedTokens !== undefined) assert.equal(answer.result.usage.generatedTokens, golden.generatedTokens)
  }
  assert.equal((await said(model, { ...say(words), stop: [' four'] })).text, 'one two three')
  const short = await said(model, { ...say(words), maxTokens: 2 })
  assert.deepEqual([short.text, short.result.finish], ['one two', 'length'])
}
