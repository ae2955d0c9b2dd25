import { Readable } from 'node:stream'
import { OWNER, SomaError } from '@soma/core'
import type { CallOptions, CallStream } from '@soma/spec'
import type { FakeDispatcher } from '@soma/testkit/face'
import type { CommandTable } from './command-table.ts'
import type { Client } from './command.ts'
import { type RunOptions, runCli } from './program.ts'

export interface CliRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliWorld {
  readonly dispatcher?: FakeDispatcher
  readonly table?: CommandTable
  readonly launch?: RunOptions['launch']
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  /** Both outputs are terminals of this many columns. */
  readonly columns?: number
  readonly signal?: AbortSignal
  /** Called with everything written so far. */
  readonly onOutput?: (stdout: string) => void
}

/** Runs a command line in this process, against a fake daemon; without one nothing answers. */
export async function cli(argv: readonly string[], world: CliWorld = {}): Promise<CliRun> {
  const written = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr'): { isTTY: boolean; columns: number | undefined; write: (text: string) => void } => ({
    isTTY: world.columns !== undefined,
    columns: world.columns,
    write: (text) => {
      written[name] += text
      world.onOutput?.(written.stdout)
    },
  })
  const io = {
    stdin: Readable.from(world.stdin === undefined ? [] : [Buffer.from(world.stdin)]),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: { HOME: '/nonexistent', ...world.env },
    signal: world.signal ?? new AbortController().signal,
  }
  const exitCode = await runCli(argv, io, {
    ...(world.table && { table: world.table }),
    launch: world.launch,
    open: async () => clientOf(world.dispatcher),
  })
  return { exitCode, ...written }
}

function clientOf(dispatcher: FakeDispatcher | undefined): Client {
  if (dispatcher) return dispatcherClient(dispatcher)
  throw new SomaError('daemon/unreachable', 'no daemon answers')
}

/** A connection to a fake daemon. */
export function dispatcherClient(dispatcher: FakeDispatcher): Client {
  const caller = { principal: OWNER, face: 'ipc' } as const
  const client = {
    async call(name: string, input: unknown, options?: CallOptions) {
      const answer = await dispatcher.dispatch(caller, name, input, options)
      if (answer.kind === 'output') return answer.output
      throw new Error(`${name} streams`)
    },
    stream: (name: string, input: unknown, options?: CallOptions) => new LateStream(dispatcher, { name, input, options }),
    async [Symbol.asyncDispose]() {},
  }
  return client as unknown as Client
}

/** A stream whose call is made when it is read. */
class LateStream implements CallStream<unknown, unknown> {
  readonly #output = Promise.withResolvers<unknown>()
  readonly #open: () => Promise<CallStream<unknown, unknown>>

  constructor(dispatcher: FakeDispatcher, call: { name: string; input: unknown; options: CallOptions | undefined }) {
    this.#open = async () => {
      const answer = await dispatcher.dispatch({ principal: OWNER, face: 'ipc' }, call.name, call.input, call.options)
      if (answer.kind === 'stream') return answer.stream
      throw new Error(`${call.name} does not stream`)
    }
    this.#output.promise.catch(() => undefined)
  }

  get output(): Promise<unknown> {
    return this.#output.promise
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, void> {
    const stream = await this.#open()
    yield* stream
    this.#output.resolve(await stream.output)
  }
}
