import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { ANONYMOUS, OWNER } from '@soma/core'
import { identify } from './gate.ts'

const dispatcher = { authenticate: () => OWNER }
/** A test's connections all come from this machine; these come from where it says. */
const from = (remoteAddress: string | undefined, headers: Record<string, string> = {}): IncomingMessage =>
  ({ headers, socket: { remoteAddress } }) as unknown as IncomingMessage

test('only who comes from this machine is anonymous; everybody else needs a token', () => {
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
    assert.deepEqual(identify(from(address), dispatcher), { principal: ANONYMOUS, face: 'http' }, address)
  for (const address of ['192.168.0.7', '203.0.113.9', '128.0.0.1', '::2', '2001:db8::1', '::ffff:10.0.0.1', 'fe80::1', undefined]) {
    assert.throws(() => identify(from(address), dispatcher), { code: 'capability/unauthenticated' }, address)
    assert.equal(identify(from(address, { authorization: 'Bearer t' }), dispatcher).principal, OWNER)
  }
})
