import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '@soma/core'
import { readDocument } from '@soma/spec'
import { createFaultyServer, redirectsTo } from '@soma/testkit/server'
import { createHttpFetch } from './http-client.ts'
import { findMachine } from './http-netrc.ts'

test('netrc entries are found among comments, macros, quotes and other machines', () => {
  const text = [
    '# machine a login no password no',
    'macdef init\ncd /pub\nmachine a login no password no\n\n',
    'machine b login one password two account x machine a',
    '  login "me too" password "p\\"w d"',
    'machine a login later password later',
    'default login anybody password guessed',
  ].join('\n')
  assert.deepEqual(findMachine(text, 'a'), { login: 'me too', password: 'p"w d' })
  assert.deepEqual(findMachine(text, 'b'), { login: 'one', password: 'two' })
  assert.equal(findMachine(text, 'c'), undefined)
  assert.equal(findMachine('machine a login me', 'a'), undefined)
  assert.equal(findMachine('machine a password', 'a')?.password, '')
})

test('a host’s credentials come from netrc unless the request has its own', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'soma-netrc-'))
  t.after(() => rm(home, { recursive: true }))
  await writeFile(join(home, '.netrc'), 'machine 127.0.0.1 login me password pw')
  await using server = await createFaultyServer({ '/a': { body: 'a' }, '/b': { body: 'b' } })
  server.fail('/b', redirectsTo(`${server.origin.replace('127.0.0.1', 'localhost')}/a`))
  await using fetch = createHttpFetch({ env: { HOME: home }, log: silentLog, clock: { now: () => 0 }, userAgent: 'soma-test' })
  const { signal } = new AbortController()
  await readDocument(await fetch(`${server.origin}/a`, { signal }), 10)
  await readDocument(await fetch(`${server.origin}/a`, { headers: { authorization: 'Bearer own' }, signal }), 10)
  await readDocument(await fetch(`${server.origin}/b`, { signal }), 10)
  const netrc = `Basic ${btoa('me:pw')}`
  assert.deepEqual(
    server.requests.map(({ headers }) => headers['authorization']),
    [netrc, 'Bearer own', netrc, undefined],
  )
})
