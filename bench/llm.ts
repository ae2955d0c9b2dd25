import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRandomGguf } from '../tools/tiny-llm/random-gguf.ts'
import { type ReferenceChild, startReference } from './child.ts'
import { type BenchDaemon, startDaemon } from './daemon.ts'
import { type Speed, speedOf } from './llm-speed.ts'
import { RawHttp } from './raw-http.ts'

const CONTEXT = 1024
/** About 60 tokens of prompt, another one each time, so that no cache helps. */
const promptOf = (turn: number): string => `${turn} ${'the quick brown fox jumps over the lazy dog and '.repeat(2)}`

/** The same random model in a daemon and in node-llama-cpp alone, each with one thread. */
export class Llms implements AsyncDisposable {
  readonly #folder: string
  readonly #daemon: BenchDaemon
  readonly #bare: ReferenceChild
  readonly #headers: Readonly<Record<string, string>>
  readonly #idle: RawHttp[] = []
  #turn = 0

  private constructor(folder: string, parts: { daemon: BenchDaemon; bare: ReferenceChild; token: string }) {
    this.#folder = folder
    this.#daemon = parts.daemon
    this.#bare = parts.bare
    this.#headers = { authorization: `Bearer ${parts.token}`, 'content-type': 'application/json', accept: 'text/event-stream' }
  }

  /** A model of random weights with so many parameters. */
  static async random(parameters: number, sequences: number): Promise<Llms> {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const path = join(folder, 'random.gguf')
    await writeRandomGguf(path, { parameters, type: 'q4_0', seed: 1 })
    return await Llms.#open(path, folder, sequences)
  }

  /** The trained one of a million parameters: where the model costs next to nothing, what is added shows. */
  static async tiny(): Promise<Llms> {
    const path = join(import.meta.dirname, '../tools/tiny-llm/model/tiny-llm.gguf')
    return await Llms.#open(path, await mkdtemp(join(tmpdir(), 'soma-bench-')), 1)
  }

  static async #open(path: string, folder: string, sequences: number): Promise<Llms> {
    const daemon = await startDaemon(['[models]', 'threads = 1'])
    await daemon.install(path, 'random')
    const { soma } = daemon
    await soma.call('model.configure', { model: 'random', settings: { contextLength: CONTEXT, sequences } })
    await soma.call('model.load', { model: 'random' })
    const { token } = await soma.call('capability.issue', { grants: [{ resource: 'model/random', rights: ['invoke'] }] })
    const bare = await startReference('llama-bare', [path, String(sequences), String(CONTEXT * sequences)])
    return new Llms(folder, { daemon, bare, token })
  }

  /** Through HTTP, streamed, on so many connections at once. */
  async ours(tokens: number, streams: number): Promise<Speed> {
    this.#turn += 1
    const began = performance.now()
    const prompt = promptOf(this.#turn)
    return speedOf(began, await Promise.all(Array.from({ length: streams }, async () => await this.#stream(prompt, tokens))))
  }

  async reference(tokens: number): Promise<Speed> {
    this.#bare.stdin.write(`${tokens} ${promptOf(this.#turn)}\n`)
    const [answer] = (await once(this.#bare.stdout, 'data')) as [Buffer]
    return JSON.parse(answer.toString()) as Speed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#idle) connection[Symbol.dispose]()
    await this.#bare[Symbol.asyncDispose]()
    await this.#daemon[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** @returns when its tokens came. */
  async #stream(prompt: string, maxTokens: number): Promise<number[]> {
    const connection =
      this.#idle.pop() ?? (await RawHttp.open(new URL('/v1/models/random/generate', this.#daemon.daemon.url), this.#headers))
    const times: number[] = []
    let text = ''
    await connection.post(JSON.stringify({ prompt, maxTokens, temperature: 0 }), (chunk) => {
      text += chunk
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) if (event.includes('"text"') && !event.includes('"usage"')) times.push(performance.now())
    })
    this.#idle.push(connection)
    return times
  }
}
