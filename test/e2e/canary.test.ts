// Under the security edition a prompt is nowhere once its call is over: not in the memory of any process, not on disk.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSomaError } from '@soma/core'
import type { Soma } from '@soma/sdk'
import { TestDaemon, echoModel } from './daemon.ts'

const tinyModel = join(import.meta.dirname, '..', '..', 'tools', 'tiny-llm', 'model', 'tiny-llm.gguf')
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

  test('is needed: in the standard edition the same search finds the prompt, though in no file', async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'soma-canary-'))
    t.after(() => rm(home, { recursive: true, force: true }))
    await using daemon = await TestDaemon.start(home)
    const soma = await daemon.connect()
    await Array.fromAsync(soma.stream('model.install', { reference: await echoModel(join(home, 'offered')), name: 'm' }))
    const canary = newCanary()
    assert.ok(await wasAsked(soma, canary, t))
    const found = await search(daemon, soma, canary)
    assert.ok(found.some((place) => place.startsWith(`memory of process ${daemon.pid}`)))
    assert.ok(!found.some((place) => place.startsWith(home)))
  })
})

async function forgets(t: TestContext, model: (folder: string) => Promise<string>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'soma-canary-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  await writeFile(join(home, 'config.toml'), '[edition]\nname = "security"\n')
  await using daemon = await TestDaemon.start(home)
  const soma = await daemon.connect()
  await Array.fromAsync(soma.stream('model.install', { reference: await model(join(home, 'offered')), name: 'm' }))
  const canary = newCanary()
  if (!(await wasAsked(soma, canary, t))) return
  const deadline = performance.now() + FORGOTTEN_MS_MAX
  let found = await search(daemon, soma, canary)
  while (found.length > 0 && performance.now() < deadline) {
    await sleep(200)
    found = await search(daemon, soma, canary)
  }
  assert.deepEqual(found, [])
  assert.match(readFileSync(`/proc/${daemon.pid}/limits`, 'utf8'), /^Max core file size\s+0 /m)
}

function newCanary(): string {
  return `canary${randomBytes(12).toString('hex')}`
}

async function wasAsked(soma: Soma, canary: string, t: TestContext): Promise<boolean> {
  try {
    const stream = soma.stream('model.generate', { model: 'm', prompt: `Please keep ${canary} to yourself.`, maxTokens: 16 })
    await Array.fromAsync(stream)
    await stream.output
    return true
  } catch (error) {
    if (!isSomaError(error, 'engine/missing') || !error.message.includes('bubblewrap')) throw error
    t.skip(error.message)
    return false
  }
}

/** Where the canary is: as one byte or two bytes a character, in the memory of the daemon and its engines, its output, its files. */
async function search(daemon: TestDaemon, soma: Soma, canary: string): Promise<string[]> {
  const needles = [Buffer.from(canary), Buffer.from(canary, 'utf16le')]
  const { processes } = await soma.call('system.status', {})
  const pids = [daemon.pid, ...processes.flatMap(({ pid }) => [pid, ...childrenOf(pid)])]
  return [
    ...pids.flatMap((pid) => inMemory(pid, needles)),
    ...(daemon.output.includes(canary) ? ['output of the daemon'] : []),
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
