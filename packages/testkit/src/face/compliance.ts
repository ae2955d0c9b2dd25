import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { jsonSchema } from '@soma/spec'
import fc from 'fast-check'
import { arbitraryOf } from './arbitrary.ts'
import { abuse } from './abuse.ts'
import { cancellation } from './cancellation.ts'
import { errors } from './errors.ts'
import { FAKE_TOKEN, FakeDispatcher, callsOfTable } from './fake-dispatcher.ts'
import type { FaceFixture, FaceUnderTest } from './fixture.ts'
import { streams } from './streams.ts'

export interface FaceComplianceOptions {
  readonly name: string
  start(dispatcher: FakeDispatcher): Promise<FaceUnderTest>
}

/** Random inputs per call. */
const RUNS = 12

/**
 * The suite every face passes: for each call of the table the client gets what dispatching directly gives, byte for
 * byte; errors, streams and cancellation arrive as they are. Faces that pass it give identical results.
 */
export function faceCompliance(options: FaceComplianceOptions): void {
  void describe(`the ${options.name} face`, () => {
    let fixture: FaceFixture | undefined
    before(async () => {
      const dispatcher = new FakeDispatcher()
      fixture = { dispatcher, face: await options.start(dispatcher) }
    })
    after(async () => fixture?.face[Symbol.asyncDispose]())
    const get = (): FaceFixture => {
      assert.ok(fixture)
      return fixture
    }
    everyCall(get)
    errors(get)
    streams(get)
    cancellation(get)
    abuse(get)
  })
}

function everyCall(fixture: () => FaceFixture): void {
  for (const { name, definition, streaming } of callsOfTable)
    void test(`${name} gives what it gives directly`, async () => {
      const { dispatcher, face } = fixture()
      // What a schema says beyond JSON Schema (one of two fields, say) only the schema itself can tell.
      const inputs = arbitraryOf(jsonSchema(definition.input, 'input')).filter((input) => definition.input.safeParse(input).success)
      await fc.assert(
        fc.asyncProperty(inputs, async (input) => {
          const direct = await viaDispatcher(new FakeDispatcher(), name, input)
          const before = dispatcher.calls.length
          const through = streaming
            ? await collect(face.client.stream(name, input))
            : { events: [], output: await face.client.call(name, input) }
          assert.deepEqual(
            dispatcher.calls.slice(before).map((call) => plain(call.input)),
            [plain(definition.input.parse(input))],
          )
          assert.deepEqual(plain(through), plain(direct))
        }),
        { numRuns: RUNS },
      )
    })
}

interface Outcome {
  readonly events: readonly unknown[]
  readonly output: unknown
}

async function viaDispatcher(dispatcher: FakeDispatcher, name: string, input: unknown): Promise<Outcome> {
  const dispatched = await dispatcher.dispatch({ principal: dispatcher.authenticate(FAKE_TOKEN), face: 'internal' }, name, input)
  return dispatched.kind === 'stream' ? collect(dispatched.stream) : { events: [], output: dispatched.output }
}

async function collect(stream: AsyncIterable<unknown> & { readonly output: Promise<unknown> }): Promise<Outcome> {
  const events = await Array.fromAsync(stream)
  return { events, output: await stream.output }
}

/** Equal values print equally: typed arrays lose their class and prototypes their identity on the way. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, plain(item)]])))
}
