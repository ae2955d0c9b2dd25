// A daemon with real engines and the tiny trained model, whose answers are known to the letter.
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CallInput, CallOutput } from '@soma/spec'
import type { Soma, Tensor } from '@soma/sdk'
import { recordedAs, tinyLlmFolder, tinyOnnxFiles } from '@soma/testkit/tiny-llm'
import { outputOf, temporaryFolder, until } from './attack.ts'
import { TestDaemon } from './daemon.ts'

const tinyLlm = fileURLToPath(tinyLlmFolder)
export const tinyGguf = join(tinyLlm, 'model', 'tiny-llm.gguf')

type Generate = Omit<CallInput<'model.generate'>, 'model'>
export type Generated = CallOutput<'model.generate'>
export type Resident = CallOutput<'model.resident'>['models'][number]

/** A question and the only right answer to it. */
export interface Golden {
  readonly request: { readonly messages: NonNullable<Generate['messages']>; readonly temperature: 0 }
  readonly answer: string
}

export function golden(name: string): Golden {
  const { messages, answer } = recordedAs(name)
  return { request: { messages: [...messages], temperature: 0 }, answer }
}

/** An answer on its way: it is being generated once this exists. */
export interface Started {
  readonly events: AsyncIterator<{ readonly text: string }>
  /** All of the text, once it is read to its end. */
  rest(): Promise<string>
  cancel(): void
}

export interface WorldOptions {
  /** Of `config.toml`. */
  readonly config?: string
  readonly env?: Readonly<Record<string, string>>
}

export class EnginesWorld implements AsyncDisposable {
  readonly daemon: TestDaemon
  #soma: Soma
  readonly #folder: Awaited<ReturnType<typeof temporaryFolder>>
  /** Aborts what is under way when a test has ended. */
  #left = new AbortController()

  private constructor(daemon: TestDaemon, soma: Soma, folder: Awaited<ReturnType<typeof temporaryFolder>>) {
    this.daemon = daemon
    this.#soma = soma
    this.#folder = folder
  }

  static async start({ config = '', env = {} }: WorldOptions = {}): Promise<EnginesWorld> {
    const folder = await temporaryFolder()
    const home = join(folder.path, 'home')
    await mkdir(home)
    // What else runs on this machine decides nothing here.
    await writeFile(join(home, 'config.toml'), `${config}[foreground]\nenabled = false\n`)
    try {
      const daemon = await TestDaemon.start(home, env)
      return new EnginesWorld(daemon, await daemon.connect(), folder)
    } catch (error) {
      await folder[Symbol.asyncDispose]()
      throw error
    }
  }

  get soma(): Soma {
    return this.#soma
  }

  get home(): string {
    return this.daemon.home
  }

  /** Ends the daemon and starts it again on the same home. */
  async restart(end: 'stop' | 'kill'): Promise<void> {
    await this.#soma[Symbol.asyncDispose]()
    await this.daemon[end]()
    await this.daemon.start()
    this.#soma = await this.daemon.connect()
  }

  async install(name: string, path: string, more: Omit<CallInput<'model.install'>, 'reference' | 'name'> = {}): Promise<void> {
    await outputOf(this.soma.model.install({ reference: `file/${path}`, name, ...more }))
  }

  /** Installs what the files hold. */
  async offer(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    const folder = join(this.#folder.path, name)
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
    await this.install(name, folder)
  }

  async echo(name: string, settings: object = {}): Promise<void> {
    await this.offer(name, { 'model.echo': JSON.stringify(settings) })
  }

  async tinyOnnx(name: string): Promise<void> {
    const contents = await Promise.all(tinyOnnxFiles.map(async (path) => [path, await readFile(join(tinyLlm, 'model', path))] as const))
    await this.offer(name, Object.fromEntries(contents))
  }

  async ask(model: string, request: Generate): Promise<Generated> {
    return await outputOf(this.soma.model.generate({ model, ...request }, { signal: this.#left.signal }))
  }

  /** @returns the outputs. */
  async infer(model: string, inputs: readonly Tensor[], more: { readonly deadlineMs?: number } = {}): Promise<readonly Tensor[]> {
    return (await this.soma.model.infer({ model, inputs: [...inputs], ...more }, { signal: this.#left.signal })).outputs
  }

  /** Asks what is known, and fails unless the pieces and the whole are the answer, to the letter. */
  async exact(model: string, name: string, more: Partial<Generate> = {}): Promise<Generated> {
    const { request, answer } = golden(name)
    const stream = this.soma.model.generate({ model, ...request, ...more }, { signal: this.#left.signal })
    let text = ''
    for await (const piece of stream) text += piece.text
    assert.equal(text, answer, `${name} of ${model}`)
    const output = await stream.output
    assert.equal(output.text, answer)
    return output
  }

  /** Begins an answer and waits for its first piece. Nobody reads on, so an answer longer than the windows on its way stays unfinished. */
  async begin(model: string, request: Generate): Promise<Started> {
    const cancel = new AbortController()
    const signal = AbortSignal.any([cancel.signal, this.#left.signal])
    const stream = this.soma.model.generate({ model, ...request }, { signal })
    stream.output.catch(() => undefined)
    const events = stream[Symbol.asyncIterator]()
    const first = await events.next()
    let text = first.done === true ? '' : first.value.text
    const rest = async (): Promise<string> => {
      for (let step = await events.next(); step.done !== true; step = await events.next()) text += step.value.text
      return text
    }
    return { events, rest, cancel: () => cancel.abort() }
  }

  /** Ends the calls that a failed test left under way: each could hold a seat for ever, and the tests behind it would wait. */
  leave(): void {
    this.#left.abort()
    this.#left = new AbortController()
  }

  async resident(model: string): Promise<Resident | undefined> {
    const { models } = await this.soma.model.resident()
    return models.find((one) => one.model === model)
  }

  /** Waits until a model is as wanted, or has gone where `isSo` takes undefined. */
  async until(model: string, isSo: (resident: Resident | undefined) => boolean, what: string): Promise<void> {
    await until(async () => isSo(await this.resident(model)), what)
  }

  async pidOf(model: string): Promise<number> {
    const { processes } = await this.soma.system.status()
    return processes.find((process) => process.model === model)?.pid ?? assert.fail(`no process runs ${model}`)
  }

  /** Whys of what happened to a model, the newest first. */
  async history(model: string): Promise<ReadonlyArray<{ readonly what: string; readonly why: string }>> {
    const { history } = await this.soma.model.explain({ model })
    return history.map(({ what, why }) => ({ what, why }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _folder = this.#folder
    await using daemon = this.daemon
    this.leave()
    await this.#soma[Symbol.asyncDispose]()
    await daemon.stop()
    assert.deepEqual(daemon.processes(), [], 'no process is left')
  }
}
