import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createSeededRng, silentLog } from '@soma/core'
import { somaPaths, systemClock } from '@soma/host'
import { openStore } from '@soma/store'
import { TestDaemon, echoModel, environment } from '../../test/e2e/daemon.ts'
import type { Row, Sides } from '../measure.ts'

const MODELS = 5000
const run = promisify(execFile)
const soma = join(import.meta.dirname, '..', '..', 'dist', 'soma')

/** Characters of a chat template, as models of text have it: the longest part of most records. */
const TEMPLATE = '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}'.repeat(18)

export const list: Row = {
  name: 'list-5000',
  what: `model.list with ${MODELS} installed packages: asked, answered, sent and read by the client`,
  against: 'writing the same answer as JSON and reading it, in one process',
  unit: 'ms',
  target: '≤ 60 ms',
  met: (ours) => ours.p50 <= 60,
  async setUp() {
    const home = await fullHome()
    const client = await home.daemon.connect()
    const answer = await client.call('model.list', {})
    return {
      ours: async () => milliseconds(() => client.call('model.list', {})),
      reference: async () => milliseconds(async () => JSON.parse(JSON.stringify(answer)) as unknown),
      warmups: 3,
      samples: 30,
      extra: () => ({ models: answer.models.length }),
      [Symbol.asyncDispose]: async () => {
        await client[Symbol.asyncDispose]()
        await home[Symbol.asyncDispose]()
      },
    }
  },
}

export const listPrompt: Row = {
  name: 'list-5000-prompt',
  what: `soma model list with ${MODELS} installed packages, from the command to the prompt; beside it the daemon’s start with them, and the first list after it`,
  against: 'node -e 0',
  unit: 'ms',
  target: '≤ 200 ms',
  met: (ours) => ours.p50 <= 200,
  async setUp(): Promise<Sides> {
    const home = await fullHome()
    const started = await restart(home.daemon)
    return {
      ours: async () =>
        milliseconds(() => run(soma, ['model', 'list'], { env: environment(home.daemon.home), maxBuffer: 64 * 1024 * 1024 })),
      reference: async () => milliseconds(() => run(process.execPath, ['-e', '0'])),
      warmups: 2,
      samples: 20,
      extra: () => started,
      [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
    }
  },
}

/** What a daemon needs to be ready with all these models, and for its first list, asked at once. */
async function restart(daemon: TestDaemon): Promise<Record<string, number>> {
  await daemon.stop()
  const readyMs = await daemon.start()
  await using client = await daemon.connect()
  const firstMs = await milliseconds(() => client.call('model.list', {}))
  return { 'daemon ready ms': readyMs, 'first list ms': firstMs }
}

interface FullHome extends AsyncDisposable {
  readonly daemon: TestDaemon
}

/** A daemon whose registry is full of copies of one model's record: installing each would take minutes and show nothing else. */
async function fullHome(): Promise<FullHome> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
  const daemon = await TestDaemon.start()
  {
    await using client = await daemon.connect()
    for await (const _ of client.stream('model.install', { reference: await echoModel(join(folder, 'model')), name: 'first' }));
  }
  await daemon.stop()
  await copyRecords(daemon.home)
  await daemon.start()
  return {
    daemon,
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function copyRecords(home: string): Promise<void> {
  const directory = somaPaths({ SOMA_HOME: home }).data
  using store = await openStore({ clock: systemClock, rng: createSeededRng(1), log: silentLog }, { directory })
  const value = store.records.get('package', 'first')?.value as Record<string, unknown>
  const knowledge = { ...(value['knowledge'] as object | null), ...knowledgeOf() }
  const writes = Array.from({ length: MODELS - 1 }, (_, index) => `model-${index}`).map((key) => ({
    action: 'put' as const,
    kind: 'package',
    key,
    value: { ...value, name: key, knowledge },
  }))
  store.commit({ writes })
}

function knowledgeOf(): Record<string, unknown> {
  return {
    format: 'gguf',
    framework: 'llama.cpp',
    architecture: 'llama',
    parameters: 8_030_261_248,
    dtypes: ['Q4_K', 'Q6_K', 'F32'],
    quantisation: 'Q4_K_M',
    contextLength: 131_072,
    opsets: null,
    tokenizer: 'gpt2',
    chatTemplate: TEMPLATE,
    tasks: ['text-generation'],
    licence: 'apache-2.0',
    summary: 'A model of text, of which there are many.',
    languages: ['en', 'de'],
    requirements: { diskBytes: 4_920_734_176, memory: [{ contextLength: 8192, bytes: 6_000_000_000 }] },
    warnings: [],
  }
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
