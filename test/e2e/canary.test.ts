// Under the security edition a prompt is nowhere once its call is over: not in the memory of any process, not on disk.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSomaError } from '@soma/core'
import type { Soma } from '@soma/sdk'
import { identityModel } from '@soma/testkit/onnx'
import { ctcFixture } from '../../packages/engines/speech/src/test-models.ts'
import { TestDaemon, echoModel } from './daemon.ts'

const tinyModels = join(import.meta.dirname, '..', '..', 'tools', 'tiny-llm', 'model')
const tinyModel = join(tinyModels, 'tiny-llm.gguf')
/** The same model for the `transformers` engine. */
const tinyOnnx = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']
/** Calls end, engines stop, and collections run within this. */
const FORGOTTEN_MS_MAX = 60_000
const CHUNK_BYTES = 1024 * 1024

describe('the security edition', { skip: process.platform !== 'linux' && 'memory is searched through /proc' }, () => {
  test('leaves no prompt and no answer of the echo model anywhere', async (t) => {
    await forgets(t, (folder) => echoModel(folder))
  })

  test(
    'leaves no prompt of a trained language model anywhere',
    { skip: !existsSync(tinyModel) && 'the trained model is not built' },
    async (t) => {
      await forgets(t, () => Promise.resolve(`file/${tinyModel}`))
    },
  )

  test(
    'leaves no prompt of the same model anywhere that onnxruntime ran',
    { skip: !existsSync(join(tinyModels, 'onnx')) && 'the trained model is not built' },
    async (t) => {
      await forgets(t, async (folder) => {
        for (const path of tinyOnnx) await cp(join(tinyModels, path), join(folder, path))
        return `file/${folder}`
      })
    },
  )

  test('leaves no numbers of an ONNX model anywhere, asked or answered', async (t) => {
    await forgets(t, (folder) => offer(folder, { 'model.onnx': identityModel('float32', ['n']) }), inferNumbers)
  })

  test('leaves no recording anywhere, as it was sent or as it was decoded', async (t) => {
    await forgets(t, (folder) => offer(folder, ctcFixture().files), transcribeNoise)
  })

  test('is needed: in the standard edition the same search finds the prompt, though in no file', async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'soma-canary-'))
    t.after(() => rm(home, { recursive: true, force: true }))
    await using daemon = await TestDaemon.start(home)
    const soma = await daemon.connect()
    await Array.fromAsync(soma.stream('model.install', { reference: await echoModel(join(home, 'offered')), name: 'm' }))
    const canary = newCanary()
    await generate(soma, canary)
    const found = await search(daemon, soma, needlesOf(canary))
    assert.ok(found.some((place) => place.startsWith(`memory of process ${daemon.pid}`)))
    assert.ok(!found.some((place) => place.startsWith(home)))
  })
})

/** Asks the model `m`. @returns what must not be found. */
type Ask = (soma: Soma) => Promise<readonly Buffer[]>

async function forgets(t: TestContext, model: (folder: string) => Promise<string>, ask: Ask = generateOnce): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'soma-canary-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  await writeFile(join(home, 'config.toml'), '[edition]\nname = "security"\n')
  // Outside the home, in which nothing may be found.
  const offered = await mkdtemp(join(tmpdir(), 'soma-canary-offered-'))
  t.after(() => rm(offered, { recursive: true, force: true }))
  await using daemon = await TestDaemon.start(home)
  const soma = await daemon.connect()
  await Array.fromAsync(soma.stream('model.install', { reference: await model(offered), name: 'm' }))
  const needles = await unlessUnconfined(t, () => ask(soma))
  if (!needles) return
  const deadline = performance.now() + FORGOTTEN_MS_MAX
  let found = await search(daemon, soma, needles)
  while (found.length > 0 && performance.now() < deadline) {
    await sleep(200)
    found = await search(daemon, soma, needles)
  }
  assert.deepEqual(found, [])
  assert.match(readFileSync(`/proc/${daemon.pid}/limits`, 'utf8'), /^Max core file size\s+0 /m)
}

async function offer(folder: string, files: Readonly<Record<string, string | URL | Uint8Array>>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content instanceof URL ? await readFile(content) : content)
  }
  return `file/${folder}`
}

function newCanary(): string {
  return `canary${randomBytes(12).toString('hex')}`
}

/** As one byte or two bytes a character. */
function needlesOf(canary: string): readonly Buffer[] {
  return [Buffer.from(canary), Buffer.from(canary, 'utf16le')]
}

async function unlessUnconfined<Result>(t: TestContext, work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!isSomaError(error, 'engine/missing') || !error.message.includes('bubblewrap')) throw error
    t.skip(error.message)
    return undefined
  }
}

async function generate(soma: Soma, canary: string): Promise<void> {
  const stream = soma.stream('model.generate', { model: 'm', prompt: `Please keep ${canary} to yourself.`, maxTokens: 16 })
  await Array.fromAsync(stream)
  await stream.output
}

async function generateOnce(soma: Soma): Promise<readonly Buffer[]> {
  const canary = newCanary()
  await generate(soma, canary)
  return needlesOf(canary)
}

/** @returns the noise, whose eight numbers in a row occur nowhere else: from -1 to 1, in steps of 2^-15. */
function noise(length: number): Int16Array {
  const bytes = randomBytes(2 * length)
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

function floatsOf(samples: Int16Array): Buffer {
  return Buffer.from(Float32Array.from(samples, (sample) => sample / 32_768).buffer)
}

async function inferNumbers(soma: Soma): Promise<readonly Buffer[]> {
  const data = floatsOf(noise(4096))
  // A part from the middle: the needles of this process are copies.
  const needles = [Buffer.from(data.subarray(8000, 8032))]
  const { outputs } = await soma.call('model.infer', { model: 'm', inputs: [{ name: 'x', dtype: 'float32', shape: [4096], data }] })
  assert.deepEqual(Buffer.from(outputs[0]?.data ?? []), data)
  return needles
}

async function transcribeNoise(soma: Soma): Promise<readonly Buffer[]> {
  const samples = noise(16_000)
  const part = samples.subarray(8000, 8016)
  const stream = soma.stream('model.transcribe', { model: 'm', audio: wavOf(samples) })
  await Array.fromAsync(stream)
  assert.equal((await stream.output).durationSeconds, 1)
  return [Buffer.from(part.slice().buffer), floatsOf(part)]
}

/** Mono, 16 bits, 16 kHz. */
function wavOf(samples: Int16Array): Uint8Array {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + data.byteLength, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  for (const [index, value] of [1, 1].entries()) head.writeUInt16LE(value, 20 + 2 * index)
  head.writeUInt32LE(16_000, 24)
  head.writeUInt32LE(32_000, 28)
  for (const [index, value] of [2, 16].entries()) head.writeUInt16LE(value, 32 + 2 * index)
  head.write('data', 36)
  head.writeUInt32LE(data.byteLength, 40)
  return new Uint8Array(Buffer.concat([head, data]))
}

/** Where a needle is: in the memory of the daemon and its engines, its output, its files. */
async function search(daemon: TestDaemon, soma: Soma, needles: readonly Buffer[]): Promise<string[]> {
  const { processes } = await soma.call('system.status', {})
  const pids = [daemon.pid, ...processes.flatMap(({ pid }) => [pid, ...childrenOf(pid)])]
  return [
    ...pids.flatMap((pid) => inMemory(pid, needles)),
    ...(needles.some((needle) => Buffer.from(daemon.output).includes(needle)) ? ['output of the daemon'] : []),
    ...inFiles(daemon.home, needles),
    ...processes.filter(({ model }) => model !== null).map(({ engine }) => `${engine} still has the model loaded`),
  ]
}

function childrenOf(pid: number): number[] {
  const listed = tried(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')) ?? ''
  const own = listed
    .split(' ')
    .filter((word) => word.trim() !== '')
    .map(Number)
  return own.flatMap((child) => [child, ...childrenOf(child)])
}

function inMemory(pid: number, needles: readonly Buffer[]): string[] {
  const maps = tried(() => readFileSync(`/proc/${pid}/maps`, 'utf8')) ?? ''
  const ranges = maps.split('\n').flatMap((line) => {
    const [, start, end, name = ''] = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)$/.exec(line) ?? []
    return start === undefined || end === undefined || name.startsWith('[v')
      ? []
      : [{ start: parseInt(start, 16), end: parseInt(end, 16), name }]
  })
  const file = tried(() => openSync(`/proc/${pid}/mem`, 'r'))
  // One that has ended holds nothing; one that cannot be searched may hold it.
  if (file === undefined) return existsSync(`/proc/${pid}/mem`) && maps !== '' ? [`memory of process ${pid}, which cannot be read`] : []
  const chunk = Buffer.alloc(CHUNK_BYTES)
  const found = ranges
    .filter((range) => isInRange(file, range, { chunk, needles }))
    .map(({ name }) => `memory of process ${pid}, ${name || 'anonymous'}`)
  closeSync(file)
  return found
}

function isInRange(
  file: number,
  { start, end }: { readonly start: number; readonly end: number },
  { chunk, needles }: { readonly chunk: Buffer; readonly needles: readonly Buffer[] },
): boolean {
  const overlap = Math.max(...needles.map(({ byteLength }) => byteLength))
  for (let at = start; at < end; at += chunk.byteLength - overlap) {
    const read = tried(() => readSync(file, chunk, 0, Math.min(chunk.byteLength, end - at), at)) ?? 0
    if (needles.some((needle) => chunk.subarray(0, read).includes(needle))) return true
  }
  return false
}

function inFiles(folder: string, needles: readonly Buffer[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = tried(() => readFileSync(path))
      return bytes !== undefined && needles.some((needle) => bytes.includes(needle))
    })
}

/** Processes end and files go while they are looked at. */
function tried<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}
