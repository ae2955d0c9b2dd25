import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type ModelMethod, type Tensor, decodeValues, encodeValues } from '@soma/spec'
import { FakeDispatcher } from '@soma/testkit/face'
import { type CliRun, type CliWorld, cli } from '../test-cli.ts'

const folder = await mkdtemp(join(tmpdir(), 'soma-run-'))
after(async () => await rm(folder, { recursive: true }))
const picture = join(folder, 'cat.png')
await writeFile(picture, Buffer.from('\x89PNG\r\n\x1A\nrest', 'latin1'))
const notes = join(folder, 'notes.txt')
await writeFile(notes, 'Buy milk.\n')

const idle = { queueMs: 0, loadMs: 0, runMs: 5 }
const strings = (name: string, shape: number[], ...values: string[]): object => ({
  name,
  dtype: 'string',
  shape,
  data: encodeValues('string', values),
})
const floats = (name: string, shape: number[], ...values: number[]): object => ({
  name,
  dtype: 'float32',
  shape,
  data: encodeValues('float32', values),
})
const timings = { queueMs: 0, loadMs: 0, runMs: 1100, firstMs: 100 }
const usage = { promptTokens: 9, cachedTokens: 4, generatedTokens: 3 }
const done = { finish: 'stop', usage, timings, toolCalls: [] }

function world(methods: readonly ModelMethod[], handlers: Readonly<Record<string, (input: never) => unknown>> = {}): FakeDispatcher {
  const dispatcher = new FakeDispatcher()
  dispatcher.handlers.set('model.load', () => ({ methods, signature: { inputs: [], outputs: [] } }))
  for (const [name, handler] of Object.entries(handlers)) dispatcher.handlers.set(name, (input) => handler(input as never))
  return dispatcher
}

/** A model that says back what it was asked, in two pieces. */
function talker(extra: object = {}): FakeDispatcher {
  return world(['generate'], {
    'model.generate': async function* ({ messages, prompt }: { messages?: ReadonlyArray<{ content: string }>; prompt?: string }) {
      const said = prompt ?? messages?.at(-1)?.content ?? ''
      yield { text: 'you said ' }
      yield { text: said }
      return { ...done, text: `you said ${said}`, ...extra }
    },
  })
}

/** Inputs with their shapes, and what is in those of texts. */
const textsOf = (input: unknown): Record<string, string> =>
  Object.fromEntries(
    (input as { inputs: Tensor[] }).inputs.map(({ name, dtype, shape, data }) => [
      `${name}[${shape.join(', ')}]`,
      dtype === 'string' ? decodeValues('string', data).join('|') : '',
    ]),
  )

const asked = (dispatcher: FakeDispatcher, name: string): unknown => dispatcher.calls.findLast((call) => call.name === name)?.input
const run = async (argv: readonly string[], dispatcher: FakeDispatcher, more: CliWorld = {}): Promise<CliRun> =>
  await cli(['run', 'm', ...argv], { dispatcher, ...more })

describe('soma run with a model of text', () => {
  it('says the words, streams the answer, and tells the speed beside it', async () => {
    const { stdout, stderr, exitCode } = await run(['what', 'is it'], talker())
    assert.deepEqual([stdout, exitCode], ['you said what is it\n', 0])
    assert.equal(stderr, '3 tokens at 2.0 a second, first after 100 ms, 4 of 9 prompt tokens cached\n')
  })

  it('adds what is piped in, files, a system message and every option', async () => {
    const dispatcher = talker()
    const schema = join(folder, 'schema.json')
    await writeFile(schema, '{"type": "object"}')
    const options = ['--system', 'be short', '--file', picture, '--file', notes, '--temperature', '0', '--seed', '7', '--max-tokens', '5']
    const limits = ['--overflow', 'truncate']
    await run(
      ['sum up', '-', ...options, ...limits, '--stop', 'END', '--format', schema, '--priority', 'batch', '--deadline', '30s'],
      dispatcher,
      {
        stdin: 'piped\n',
      },
    )
    assert.deepEqual(asked(dispatcher, 'model.generate'), {
      model: 'm',
      messages: [
        { role: 'system', content: 'be short' },
        { role: 'user', content: 'sum up\n\npiped\n\nnotes.txt:\n\nBuy milk.', images: [await readFile(picture)] },
      ],
      temperature: 0,
      seed: 7,
      maxTokens: 5,
      stop: ['END'],
      format: { type: 'json-schema', schema: { type: 'object' } },
      overflow: 'truncate',
      priority: 'batch',
      deadlineMs: 30_000,
    })
  })

  it('takes a word that names a file for that file, and says so', async () => {
    const dispatcher = talker()
    const { stderr } = await run(['sum', 'up', notes, picture, `${folder}/none.txt`, 'x'.repeat(5000) + '/y'], dispatcher)
    assert.match(stderr, /notes\.txt goes along\n.*cat\.png goes along\n/)
    const { messages } = asked(dispatcher, 'model.generate') as { messages: ReadonlyArray<{ content: string; images: unknown[] }> }
    const [{ content, images } = assert.fail('nothing was asked')] = messages
    assert.ok(content.startsWith(`sum up ${folder}/none.txt xxx`) && content.endsWith('notes.txt:\n\nBuy milk.'))
    assert.equal(images.length, 1)
  })

  it('tells no speed of an answer that came all at once', async () => {
    const { stderr } = await run(['hi'], talker({ timings: { ...timings, runMs: 100.2 } }))
    assert.equal(stderr, '3 tokens, first after 100 ms, 4 of 9 prompt tokens cached\n')
  })

  it('says that an answer was cut off, that a prompt was, and what functions are asked for', async () => {
    const toolCalls = [{ id: '1', name: 'weather', arguments: '{"city":"Paris"}' }]
    const { stdout, stderr } = await run(['hi'], talker({ finish: 'length', truncated: { droppedTokens: 12 }, toolCalls }))
    assert.equal(stdout, 'you said hi\nweather({"city":"Paris"})\n')
    assert.match(stderr, /12 tokens of the prompt did not fit.*\nCut off:/)
  })

  it('refuses an option that is no number, a file that is neither text nor picture, and nothing at all', async () => {
    assert.match((await run(['hi', '--temperature', 'hot'], talker())).stderr, /temperature takes a number, not "hot"/)
    const binary = join(folder, 'binary')
    await writeFile(binary, Buffer.from([0xff, 0xfe, 0]))
    assert.match((await run(['hi', '--file', binary], talker())).stderr, /neither a picture .* nor a text/)
    assert.match((await run([], talker())).stderr, /give m something to run on/)
  })
})

describe('soma run with other models', () => {
  it('prints a table of vectors, and how near each text is to the first', async () => {
    const embeddings = { name: 'embeddings', dtype: 'float32', shape: [2, 2], data: encodeValues('float32', [1, 0, 0.6, 0.8]) }
    const output = { embeddings, usage, truncated: [1], timings: { queueMs: 0, loadMs: 0, runMs: 5 } }
    const dispatcher = world(['embed'], { 'model.embed': () => output })
    const { stdout, stderr } = await run(['a cat', 'a dog', '--overflow', 'truncate'], dispatcher)
    assert.match(stderr, /^Too long for the model, and cut to fit: text 2\.\n/)
    assert.partialDeepStrictEqual(asked(dispatcher, 'model.embed'), { overflow: 'truncate' })
    assert.match(stdout, /^TEXT +VECTOR OF 2 +TO THE FIRST\na cat +1\.000 0\.000 … +1\.000\na dog +0\.600 0\.800 … +0\.600\n$/)
  })

  it('prints what is said in a recording, with the time of each stretch', async () => {
    const dispatcher = world(['transcribe'], {
      'model.transcribe': async function* () {
        const segment = { startSeconds: 61.25, endSeconds: 63, text: ' Hello there.' }
        yield { segment }
        return {
          text: 'Hello there.',
          segments: [segment],
          language: 'en',
          durationSeconds: 65,
          timings: { queueMs: 0, loadMs: 0, runMs: 5 },
        }
      },
    })
    const { stdout, stderr } = await run([notes, '--language', 'en'], dispatcher)
    assert.equal(stdout, '01:01.3  Hello there.\n')
    assert.match(stderr, /of sound, ran 5 ms/)
    assert.deepEqual(asked(dispatcher, 'model.transcribe'), { model: 'm', audio: await readFile(notes), language: 'en', translate: false })
  })

  const classifier = (...more: object[]): FakeDispatcher => {
    const text = { name: 'text', dtype: 'string', shape: [-1] }
    const dispatcher = world(['infer'], {
      'model.infer': () => ({ outputs: [strings('label', [1, 2], 'good', 'bad'), floats('score', [1, 2], 0.75, 0.25)], timings: idle }),
    })
    dispatcher.handlers.set('model.load', () => ({ methods: ['infer'], signature: { inputs: [text, ...more], outputs: [] } }))
    return dispatcher
  }

  it('gives words that are no files to a model of texts, and what files hold, and prints findings as a table', async () => {
    const dispatcher = classifier()
    const { stdout } = await run(['a good film', notes], dispatcher)
    const table = 'LABEL   SCORE\ngood   0.7500\nbad    0.2500\n'
    assert.equal(stdout, `a good film\n${table}${notes}\n${table}`)
    const given = dispatcher.calls.filter(({ name }) => name === 'model.infer').map(({ input }) => textsOf(input))
    assert.deepEqual(given, [{ 'text[1]': 'a good film' }, { 'text[1]': 'Buy milk.' }])
  })

  it('gives words to the input that no option gives, and a file to the one of bytes', async () => {
    const image = { name: 'image', dtype: 'uint8', shape: [-1] }
    const dispatcher = classifier(image)
    await run([picture, '--input', 'text="what is it?"'], dispatcher)
    assert.deepEqual(textsOf(asked(dispatcher, 'model.infer')), { 'text[]': 'what is it?', 'image[12]': '' })
    const reader = classifier({ name: 'question', dtype: 'string', shape: [] })
    await run(['who?', '--input', `text=@${notes}`], reader)
    assert.deepEqual(textsOf(asked(reader, 'model.infer')), { 'text[1]': 'Buy milk.', 'question[]': 'who?' })
    assert.match((await run([picture], classifier())).stderr, /cat\.png is no text/)
  })

  it('writes what a model speaks to a WAV file, and overwrites none', async () => {
    const samples = { name: 'samples', dtype: 'float32', shape: [3], data: encodeValues('float32', [0, 1, -2]) }
    const dispatcher = world(['synthesize'], {
      'model.synthesize': async function* () {
        yield { samples, sampleRate: 8000 }
        return { sampleRate: 8000, durationSeconds: 3 / 8000, timings: { queueMs: 0, loadMs: 0, runMs: 5 } }
      },
    })
    const output = join(folder, 'out.wav')
    assert.match((await run(['good', 'morning', '--output', output], dispatcher)).stdout, /^wrote .* of speech to .*out\.wav\n$/)
    const wav = await readFile(output)
    assert.deepEqual(
      [wav.toString('latin1', 0, 4), wav.readUInt32LE(24), wav.readInt16LE(46), wav.readInt16LE(48), wav.length],
      ['RIFF', 8000, 32_767, -32_767, 50],
    )
    assert.match((await run(['x', '--output', output], dispatcher)).stderr, /file\/exists/)
    assert.match((await run(['x'], dispatcher)).stderr, /say where to with --output/)
  })
})
