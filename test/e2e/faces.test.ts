// Both faces of a real daemon: the same answers, the same refusals, and one audit log that knows them all.
import assert from 'node:assert/strict'
import { type TestContext, before, after, describe, test } from 'node:test'
import { type CallName, callNames, callTable } from '@soma/spec'
import { type Soma, connectHttp, isSomaError, tensor } from '@soma/sdk'
import { TestDaemon } from './daemon.ts'

interface AnyCalls {
  call(name: string, input: unknown): Promise<unknown>
}

describe('a daemon answers the same over HTTP and its socket', () => {
  let daemon: TestDaemon
  let socket: Soma
  let http: Soma
  before(async () => {
    daemon = await TestDaemon.start()
    socket = await daemon.connect()
    const { token } = await socket.capability.issue({
      grants: [{ resource: '*', rights: ['list', 'read', 'invoke', 'load', 'install', 'remove', 'manage'] }],
    })
    http = connectHttp({ url: daemon.url, token })
  })
  after(async () => {
    await socket?.[Symbol.asyncDispose]()
    await daemon?.[Symbol.asyncDispose]()
  })

  /** Calls that change nothing and take nothing: those can be made twice. What a clock or a counter says is left out. */
  const repeatable = callNames.filter(
    (name) => callTable[name].http.startsWith('GET') && !('events' in callTable[name] && callTable[name].events),
  )
  const moving = new Set<CallName>([
    'system.health',
    'system.status',
    'system.doctor',
    'system.hardware',
    'model.resident',
    'audit.list',
    'audit.verify',
    'capability.list',
  ])
  for (const name of repeatable.filter((name) => !moving.has(name) && callTable[name].input.safeParse({}).success))
    test(name, async (_context: TestContext) => {
      const [a, b] = await Promise.all([socket, http].map((soma) => (soma as AnyCalls).call(name, {})))
      assert.deepEqual(a, b)
    })

  test('tensors, unicode and refusals', async () => {
    const input = { payload: { text: 'ü “€” 𝄞' }, tensors: [tensor('x', new Float32Array([1, NaN, -0])), tensor('s', ['ä', ''])] }
    const [a, b] = await Promise.all([socket, http].map((soma) => soma.system.echo(input)))
    assert.deepEqual(JSON.stringify(a), JSON.stringify(b))
    const failures = await Promise.all(
      [socket, http].flatMap((soma) => [
        soma.model.show({ model: 'nothing-of-this-name' }).catch(problemOf),
        soma.capability.revoke({ capability: 'cap_0000000000000000' }).catch(problemOf),
        (soma as AnyCalls).call('event.list', { limit: -1 }).catch(problemOf),
      ]),
    )
    assert.deepEqual(failures.slice(0, 3), failures.slice(3))
    assert.deepEqual(
      failures.slice(0, 3).map((problem) => (problem as { code: string }).code),
      ['model/not-found', 'capability/not-found', 'call/invalid-input'],
    )
  })

  test('whoever has no token may ask for health and nothing else, whatever the path', async () => {
    for (const { name, http: route } of Object.values(callTable)) {
      const [method = '', path = ''] = route.split(' ')
      const response = await fetch(
        daemon.url + path.replaceAll(/\{\w+\}/g, 'x').replace('/capabilities/x', '/capabilities/cap_0000000000000000'),
        {
          method,
          ...(method === 'POST' || method === 'PATCH' ? { body: exampleBody(name), headers: { 'content-type': 'application/json' } } : {}),
        },
      )
      assert.equal(response.status, name === 'system.health' ? 200 : 403, `${name}: ${await response.text()}`)
    }
  })

  test('the id in an answer is the call’s in the audit log, refused or not', async () => {
    const fine = await fetch(`${daemon.url}/v1/system/health`)
    const refused = await fetch(`${daemon.url}/v1/models`)
    for (const response of [fine, refused]) {
      const { entries } = await socket.audit.list({ call: response.headers.get('soma-call') as never })
      assert.equal(entries.at(-1)?.face, 'http')
      assert.equal(entries.at(-1)?.status, response.ok ? 'ok' : 'capability/denied')
    }
  })

  test('an event reaches a stream of either face', async () => {
    for (const soma of [socket, http]) {
      const events = soma.event.subscribe({ names: ['system.configured'] })[Symbol.asyncIterator]()
      const next = events.next()
      const state = { heard: false }
      void next.finally(() => (state.heard = true))
      // The subscription may begin after the first change: change until it is heard.
      for (let count = 0; !state.heard; count++) await socket.system.configure({ set: { 'log.level': count % 2 === 0 ? 'warn' : 'info' } })
      assert.equal((await next).value?.name, 'system.configured')
      await events.return?.()
    }
  })
})

function problemOf(error: unknown): unknown {
  assert.ok(isSomaError(error))
  return error.toProblem()
}

/** Inputs that pass the schema, so that the refusal is about rights. */
function exampleBody(name: string): string {
  const grant = { resource: 'model/x', rights: ['read'] }
  const bodies: Readonly<Record<string, unknown>> = {
    'system.configure': { set: {} },
    'model.install': { reference: 'file/nothing' },
    'model.infer': { inputs: [] },
    'model.generate': { prompt: '' },
    'capability.derive': { holder: 'anonymous', grant },
    'capability.issue': { grants: [grant] },
  }
  return JSON.stringify(bodies[name] ?? {})
}
