import { SomaError, assert } from '@soma/core'
import type { CallEvent, CallInput, CallName, CallOptions, CallOutput, CallStream, Caller, Calls, Dispatcher } from '@soma/spec'

/** Calls into the kernel on behalf of `caller`, for packages that need each other's calls and for tests. */
export function createCalls(dispatcher: Dispatcher, caller: Caller): Calls {
  return {
    async call<Name extends CallName>(name: Name, input: CallInput<Name>, options?: CallOptions) {
      const dispatched = await dispatcher.dispatch(caller, name, input, options)
      assert(dispatched.kind === 'output', `${name} is a unary call`)
      return dispatched.output as CallOutput<Name>
    },
    stream<Name extends CallName>(name: Name, input: CallInput<Name>, options?: CallOptions) {
      return new LazyStream<CallEvent<Name>, CallOutput<Name>>(() => dispatcher.dispatch(caller, name, input, options))
    },
  }
}

/** A stream that can be returned before the kernel has answered. */
class LazyStream<Event, Output> implements CallStream<Event, Output> {
  readonly output: Promise<Output>
  readonly #stream: Promise<CallStream<unknown, unknown>>

  constructor(dispatch: () => ReturnType<Dispatcher['dispatch']>) {
    this.#stream = dispatch().then((dispatched) => {
      if (dispatched.kind === 'stream') return dispatched.stream
      throw new SomaError('internal', 'broken invariant: a streaming call answered with an output')
    })
    this.output = this.#stream.then((stream) => stream.output as Promise<Output>)
    this.output.catch(() => undefined)
  }

  /** Not a generator: leaving one before its first read runs nothing of it, and the call would stay open. */
  [Symbol.asyncIterator](): AsyncIterator<Event, void> {
    const events = this.#stream.then((stream) => stream[Symbol.asyncIterator]() as AsyncIterator<Event, void>)
    events.catch(() => undefined)
    return {
      next: async () => (await events).next(),
      return: async () => {
        await events.then(
          (started) => started.return?.(),
          () => undefined,
        )
        return { done: true, value: undefined }
      },
    }
  }
}
