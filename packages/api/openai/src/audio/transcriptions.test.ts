import assert from 'node:assert/strict'
import { test } from 'node:test'
import { behave } from '@soma/testkit/face'
import { toFile } from 'openai'
import { TestOpenAi } from '../test-openai.ts'

const segments = [
  { startSeconds: 0, endSeconds: 1.5, text: ' Good' },
  { startSeconds: 3661.5, endSeconds: 3662.25, text: ' day.' },
]

async function* goodDay(): AsyncGenerator<unknown, unknown, void> {
  for (const segment of segments) yield { segment }
  return { text: 'Good day.', language: 'en', durationSeconds: 3663, segments, timings: { queueMs: 0, loadMs: 0, runMs: 0 } }
}

const bytes = new Uint8Array([82, 73, 70, 70, 0, 13, 10, 45, 45, 255])
const file = (): Promise<File> => toFile(bytes, 'speech.wav')

test('a recording is written down in every format', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.transcribe', goodDay)
  const { transcriptions } = openai.client.audio
  const params = { model: 'tiny', file: await file(), language: 'en' }
  const { _request_id: _id, ...json } = (await transcriptions.create(params)) as unknown as Record<string, unknown>
  assert.deepEqual(json, { text: 'Good day.', usage: { type: 'duration', seconds: 3663 } })
  const { model, language, audio } = openai.input as { model: string; language: string; audio: Uint8Array }
  assert.deepEqual([model, language, [...audio]], ['tiny', 'en', [...bytes]])
  assert.equal(await transcriptions.create({ ...params, response_format: 'text' }), 'Good day.\n')
  assert.equal(
    await transcriptions.create({ ...params, response_format: 'srt' }),
    '1\n00:00:00,000 --> 00:00:01,500\nGood\n\n2\n01:01:01,500 --> 01:01:02,250\nday.\n\n',
  )
  assert.equal(
    await transcriptions.create({ ...params, response_format: 'vtt' }),
    'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nGood\n\n01:01:01.500 --> 01:01:02.250\nday.\n\n',
  )
  const verbose = await transcriptions.create({ ...params, response_format: 'verbose_json', timestamp_granularities: ['segment'] })
  assert.deepEqual([verbose.language, verbose.duration, verbose.segments?.length], ['en', 3663, 2])
})

test('a translation is a transcription into English', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.transcribe', goodDay)
  assert.equal((await openai.client.audio.translations.create({ model: 'tiny', file: await file() })).text, 'Good day.')
  assert.equal((openai.input as { translate: boolean }).translate, true)
})

test('a transcription streams stretch by stretch', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.transcribe', goodDay)
  const stream = await openai.client.audio.transcriptions.create({ model: 'tiny', file: await file(), stream: true })
  assert.deepEqual(
    (await Array.fromAsync(stream)).map((event) => ('delta' in event ? event.delta : 'text' in event ? event.text : '')),
    [' Good', ' day.', 'Good day.'],
  )
})

test('fields that no model here could honour are refused by name', async () => {
  await using openai = await TestOpenAi.start()
  const { transcriptions } = openai.client.audio
  const params = { model: 'tiny', file: await file() }
  const param = (name: string): object => ({ status: 400, param: name })
  await assert.rejects(transcriptions.create({ ...params, prompt: 'names: Ann' }), param('prompt'))
  await assert.rejects(transcriptions.create({ ...params, temperature: 1 }), param('temperature'))
  await assert.rejects(transcriptions.create({ ...params, include: ['logprobs'] }), param('include[]'))
  await assert.rejects(transcriptions.create({ ...params, timestamp_granularities: ['word'] }), param('timestamp_granularities[]'))
  await assert.rejects(transcriptions.create({ ...params, response_format: 'diarized_json' }), param('response_format'))
  await assert.rejects(transcriptions.create({ ...params, language: 'English' }), param('language'))
})

test('a body that is no form is refused', async () => {
  await using openai = await TestOpenAi.start()
  const path = '/openai/v1/audio/transcriptions'
  for (const [body, type] of [
    ['nothing', 'multipart/form-data; boundary=x'],
    ['{}', 'application/json'],
    ['--x\r\ncontent-disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n', 'multipart/form-data; boundary=x'],
  ] as const) {
    const answer = await openai.post(path, body, type)
    assert.equal(answer.status, 400, await answer.text())
  }
})

test('a form of very many parts is refused before it is read', async () => {
  await using openai = await TestOpenAi.start()
  const part = '--x\r\ncontent-disposition: form-data; name="user"\r\n\r\n\r\n'
  const answer = await openai.post(
    '/openai/v1/audio/transcriptions',
    `${part.repeat(10_000)}--x--\r\n`,
    'multipart/form-data; boundary="x"',
  )
  assert.equal(answer.status, 413)
})
