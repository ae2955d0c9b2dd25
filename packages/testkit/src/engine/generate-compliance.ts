import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type GenerateEvent, smiMethods } from '@soma/spec'
import { EngineUnderTest, type SmiInput, type SmiOutput } from './engine-under-test.ts'
import { type ModelFixture, layOut } from './fixture.ts'
import type { Session } from './engine-compliance.ts'
import { refused, refusedFor } from './refused.ts'

export type GenerateInput = SmiInput<'generate'>

/** A request, and exactly what must come back. What is absent is not looked at. */
export interface GoldenAnswer {
  readonly request: GenerateInput
  /** All texts together. */
  readonly text: string
  readonly finish?: SmiOutput<'generate'>['finish']
  readonly promptTokens?: number
  readonly generatedTokens?: number
  /** Name and arguments, parsed, of the functions that are asked for. */
  readonly toolCalls?: ReadonlyArray<{ readonly name: string; readonly arguments: unknown }>
}

export interface GenerateSamples {
  /** What is generated from it takes more than 20 events. */
  readonly long: GenerateInput
  /** For models whose answers are known: greedy, and the same whatever runs beside them. The first has ten characters or more. */
  readonly answers?: readonly GoldenAnswer[]
  /** A prompt that does not fit into the context, for models that have one. */
  readonly tooLong?: GenerateInput
  /** Requests with something that the model cannot honour, and its name, which the refusal must say. */
  readonly cannot?: ReadonlyArray<{ readonly name: string; readonly request: GenerateInput }>
  /** Calls of one session do not do the same work twice. */
  readonly sharesPrefixes?: boolean
  /** What a session has computed survives being unloaded and loaded. */
  readonly keepsState?: boolean
}

export interface Generated {
  readonly text: string
  readonly events: readonly GenerateEvent[]
  readonly result: SmiOutput<'generate'>
}

/** Runs a generation to its end, checking each event and the result against the protocol. */
export async function generated(engine: EngineUnderTest, input: GenerateInput, signal?: AbortSignal): Promise<Generated> {
  const stream = engine.stream(input, { signal })
  const events: GenerateEvent[] = []
  for await (const event of stream) events.push(smiMethods.generate.events.parse(event))
  const text = events.map((event) => event.text).join('')
  return { text, events, result: smiMethods.generate.output.parse(await stream.output) }
}

/** Fails unless the answer is the known one, to the letter. */
export async function answersAs(engine: EngineUnderTest, golden: GoldenAnswer, more: Partial<GenerateInput> = {}): Promise<void> {
  const { text, events, result } = await generated(engine, { ...golden.request, ...more })
  const { finish, promptTokens, generatedTokens } = golden
  assert.equal(text, golden.text)
  if (finish !== undefined) assert.equal(result.finish, finish, text)
  if (promptTokens !== undefined) assert.equal(result.usage.promptTokens, promptTokens, text)
  if (generatedTokens !== undefined) assert.equal(result.usage.generatedTokens, generatedTokens, text)
  const calls = events.flatMap(({ toolCall }) =>
    toolCall ? [{ name: toolCall.name, arguments: JSON.parse(toolCall.arguments) as unknown }] : [],
  )
  assert.deepEqual(calls, golden.toolCalls ?? [], text)
}

export function testGenerate(session: Session, samples: GenerateSamples): void {
  testStream(session, samples)
  if (samples.answers) testAnswers(session, samples.answers)
  testRefusals(session, samples)
  const [first] = samples.answers ?? []
  if (samples.sharesPrefixes === true && first) testSession(session, first)
}

function testStream({ engine }: Session, { long }: GenerateSamples): void {
  void test('a slow reader holds generation up, and misses nothing', async () => {
    const events = engine().stream(long)[Symbol.asyncIterator]()
    let count = 0
    for (let step = await events.next(); step.done !== true; step = await events.next()) {
      smiMethods.generate.events.parse(step.value)
      // Each a round trip: time in which an engine that ignores credit would overrun the window, which fails the call.
      if (count++ < 8) await engine().ask('health', {})
    }
    assert.ok(count > 20, `${count} events`)
  })

  void test('leaving a stream early ends it, and the next one works', async () => {
    for await (const event of engine().stream(long)) if (event !== undefined) break
    await idle(engine())
    const { result } = await generated(engine(), { ...long, maxTokens: 1 })
    assert.equal(result.usage.generatedTokens, 1)
  })

  void test('a generation cancelled before and after its first word ends for its caller', async () => {
    for (const words of [0, 1]) {
      const cancel = new AbortController()
      const events = engine().stream(long, { signal: cancel.signal })[Symbol.asyncIterator]()
      if (words > 0) await events.next()
      cancel.abort()
      await refused(drain(events), 'call/cancelled')
      await idle(engine())
    }
  })
}

function testAnswers({ engine }: Session, answers: readonly GoldenAnswer[]): void {
  void test('answers are exactly the known ones, one after the other', async () => {
    for (const answer of answers) await answersAs(engine(), answer)
  })

  void test('answers are exactly the known ones, all at once', async () => {
    await Promise.all(answers.map((answer) => answersAs(engine(), answer)))
  })

  const [first] = answers
  if (!first) return

  void test('it ends where a stop text begins, which is not part of the text', async () => {
    const stop = first.text.slice(4, 7)
    const { text, result } = await generated(engine(), { ...first.request, stop: [stop, '\u{10ffff}'] })
    assert.equal(text, first.text.slice(0, first.text.indexOf(stop)))
    assert.equal(result.finish, 'stop')
  })

  void test('it ends at the upper bound of tokens, and says so', async () => {
    const { text, result } = await generated(engine(), { ...first.request, maxTokens: 2 })
    assert.ok(first.text.startsWith(text) && text.length < first.text.length, text)
    assert.equal(result.finish, 'length')
    assert.equal(result.usage.generatedTokens, 2)
  })
}

function testRefusals({ engine, loaded }: Session, { tooLong, cannot = [] }: GenerateSamples): void {
  void test('what it cannot honour is refused, naming it', async () => {
    for (const { name, request } of cannot) await refusedFor(generated(engine(), request), name, 'model/unsupported')
  })

  if (!tooLong) return

  void test('a prompt over the context is refused with both lengths, or cut if that is allowed, saying so', async () => {
    const { contextLength } = loaded()
    assert.ok(contextLength !== undefined)
    const { details } = await refused(generated(engine(), tooLong), 'model/context-overflow')
    assert.equal(details['contextLength'], contextLength)
    assert.ok(Number(details['promptTokens']) > 0)
    const { result } = await generated(engine(), { ...tooLong, overflow: 'truncate', maxTokens: 2 })
    assert.ok(result.truncated, 'it was cut in silence')
    assert.equal(result.usage.promptTokens + result.truncated.droppedTokens, details['promptTokens'])
    assert.ok(result.usage.promptTokens < contextLength)
  })
}

function testSession({ engine }: Session, answer: GoldenAnswer): void {
  void test('the second call of a session finds its beginning computed, another session does not', async () => {
    const ask = (session: string): Promise<Generated> => generated(engine(), { ...answer.request, session })
    const calls = [await ask('compliance-a'), await ask('compliance-a'), await ask('compliance-b')]
    assert.deepEqual(
      calls.map(({ text, result }) => ({ text, shared: result.usage.cachedTokens > 0 })),
      [
        { text: answer.text, shared: false },
        { text: answer.text, shared: true },
        { text: answer.text, shared: false },
      ],
    )
  })
}

/** Registers what needs processes of its own. */
export function testKeptState(main: URL, model: ModelFixture, { answers = [] }: GenerateSamples): void {
  void test('what a session has computed survives being unloaded, and does no harm to another model', async () => {
    const [answer] = answers
    assert.ok(answer)
    await using folder = await layOut(model)
    await using state = await temporary()
    const ask = async (settings: ModelFixture['settings'], save: boolean): Promise<Generated> => {
      await using engine = new EngineUnderTest(main)
      await engine.hello()
      await engine.load(folder.pkg, settings, { stateDirectory: state.path })
      const made = await generated(engine, { ...answer.request, session: 'kept' })
      await engine.ask('unload', save ? { stateDirectory: state.path } : {})
      return made
    }
    const [first, second] = [await ask(model.settings, true), await ask(model.settings, false)]
    assert.deepEqual([first.text, second.text], [answer.text, answer.text])
    assert.deepEqual([first.result.usage.cachedTokens > 0, second.result.usage.cachedTokens > 0], [false, true])
  })
}

async function temporary(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'soma-state-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function drain(events: AsyncIterator<unknown>): Promise<void> {
  while ((await events.next()).done !== true);
}

/** Asks until nothing runs; a hang reaches the test's timeout. */
async function idle(engine: EngineUnderTest): Promise<void> {
  while ((await engine.ask('health', {})).busy > 0);
}
