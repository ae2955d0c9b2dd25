import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { SomaError } from '@soma/core'
import { type CallStream, type ModelPackage, SMI_VERSION, type SmiMethod, type Tensor, smiMethods } from '@soma/spec'
import { type Peer, createChannel, createPeer } from '@soma/wire'
import type { z } from 'zod'
import type { ModelFixture } from './fixture.ts'

export type SmiInput<Method extends SmiMethod> = z.input<(typeof smiMethods)[Method]['input']>
export type SmiOutput<Method extends SmiMethod> = z.output<(typeof smiMethods)[Method]['output']>

/** Small, so that a reader which is slow is noticed soon. */
const STREAM_WINDOW = 4
/** An engine that logs more than this in one test has something wrong with it. */
const STDERR_LENGTH_MAX = 1_000_000

/** Load options beside threads and settings. */
export type LoadMore = Partial<Pick<SmiInput<'load'>['options'], 'stateDirectory' | 'scrub' | 'device'>>

export interface InferOptions {
  readonly outputs?: readonly string[]
  readonly signal?: AbortSignal
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A real engine process on pipes, as the daemon starts it. Disposing it kills it. */
export class EngineUnderTest implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #peer: Peer
  readonly exited: Promise<Exit>
  #stderr = ''

  constructor(main: URL) {
    this.#child = spawn(process.execPath, [fileURLToPath(main)], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.exited = new Promise((resolve) => this.#child.once('close', (code, signal) => resolve({ code, signal })))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_LENGTH_MAX)
    })
    this.#peer = createPeer(createChannel({ readable: this.#child.stdout, writable: this.#child.stdin }), {
      concurrencyMax: 0,
      streamWindow: STREAM_WINDOW,
      lost: (reason) => new SomaError('engine/crashed', `the engine is gone: ${String(reason)}\n${this.#stderr}`),
    })
  }

  /** Everything it wrote to stderr so far. */
  get stderr(): string {
    return this.#stderr
  }

  /** Bytes past the protocol, straight to its stdin. */
  get stdin(): Writable {
    return this.#child.stdin
  }

  hello(): Promise<SmiOutput<'hello'>> {
    return this.ask('hello', { smiVersions: [SMI_VERSION] })
  }

  /** Asks, and checks the answer against the protocol. */
  ask<Method extends SmiMethod>(method: Method, input: SmiInput<Method>): Promise<SmiOutput<Method>> {
    return this.#checked(method, this.#peer.call(method, input))
  }

  load(pkg: ModelPackage, settings: ModelFixture['settings'] = {}, more: LoadMore = {}): Promise<SmiOutput<'load'>> {
    return this.#checked('load', this.#peer.call('load', { package: pkg, options: { threads: 1, settings, ...more } }))
  }

  async infer(inputs: readonly Tensor[], options: InferOptions = {}): Promise<readonly Tensor[]> {
    const { outputs, signal } = options
    const answer = this.#peer.call('infer', { inputs, ...(outputs && { outputs }) }, { signal })
    return (await this.#checked('infer', answer)).outputs
  }

  /** For what no schema allows. */
  askRaw(method: string, input: unknown): Promise<unknown> {
    return this.#peer.call(method, input)
  }

  stream(input: SmiInput<'generate'>, options: { readonly signal?: AbortSignal | undefined } = {}): CallStream<unknown, unknown> {
    return this.#peer.stream('generate', input, options)
  }

  /** How it ended; fails when it has not within `limitMs`. */
  async exit(limitMs: number): Promise<Exit> {
    const late = AbortSignal.timeout(limitMs)
    const tooLate = once(late, 'abort').then(() => assert.fail(`the engine process was still there after ${limitMs} ms`))
    return await Promise.race([this.exited, tooLate])
  }

  async #checked<Method extends SmiMethod>(method: Method, answer: Promise<unknown>): Promise<SmiOutput<Method>> {
    return smiMethods[method].output.parse(await answer) as SmiOutput<Method>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }
}
