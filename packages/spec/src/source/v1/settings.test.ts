import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import { addressSetting, authorizedFetch } from './settings.ts'
import type { HttpFetch } from './source.ts'

test('an address is the variable’s, where it has one, and never ends in a slash', () => {
  const at = (HUB?: string) => addressSetting({ HUB }, 'HUB', 'https://hub.example.org')
  assert.deepEqual(
    [at(), at(''), at('http://127.0.0.1:80//'), at('https://m.example.org/hub/')],
    ['https://hub.example.org', 'https://hub.example.org', 'http://127.0.0.1', 'https://m.example.org/hub'],
  )
  for (const bad of ['hub', 'ftp://x', 'https://me:pw@x', 'https://x/?a=1', 'https://x/#a'])
    assert.throws(() => at(bad), { code: 'config/invalid', message: /^HUB is no web address/ })
})

test('credentials go to their own server and to no other', async () => {
  const seen: Array<readonly [string, string | undefined]> = []
  const plain: HttpFetch = async (url, { headers }) => {
    seen.push([url, headers?.['authorization']])
    throw new Error('no answer')
  }
  const { signal } = new AbortController()
  const fetch = authorizedFetch(plain, { address: 'https://hub.example.org/api', authorization: 'Bearer t' })
  for (const url of ['https://hub.example.org/x', 'https://cdn.example.org/x', 'http://hub.example.org/x', 'https://hub.example.org:444/x'])
    await assert.rejects(fetch(url, { signal }))
  assert.deepEqual(
    seen.map(([, authorization]) => authorization),
    ['Bearer t', undefined, undefined, undefined],
  )
})

test('a refusal by that server says what to set, and one by another stays what it is', async () => {
  const refusing: HttpFetch = async (url) => {
    throw new SomaError('source/unauthorized', 'no', { details: { host: new URL(url).host } })
  }
  const { signal } = new AbortController()
  const refused = (cause: SomaError) => new SomaError('source/unauthorized', 'set HUB_TOKEN', { cause })
  const fetch = authorizedFetch(refusing, { address: 'https://hub.example.org', authorization: undefined, refused })
  await assert.rejects(fetch('https://hub.example.org/x', { signal }), /set HUB_TOKEN/)
  await assert.rejects(fetch('https://cdn.example.org/x', { signal }), { message: 'no' })
})
