import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { openHttpDownload, totalBytes, validatorOf } from './http-download.ts'
import { readDocument } from './http-document.ts'
import type { DownloadOptions, HttpFetch, HttpReply } from './source.ts'

const { signal } = new AbortController()

interface Scripted {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A server that gives these answers in turn, and notes the headers of each request and which replies were closed. */
function scripted(...replies: readonly Scripted[]) {
  const asked: Array<Readonly<Record<string, string>>> = []
  const closed: number[] = []
  const fetch: HttpFetch = async (url, { headers = {} }) => {
    const index = asked.push(headers) - 1
    const { status, headers: sent = {}, body = '' } = replies[index]!
    return { status, url, headers: sent, body: bodyOf(body), [Symbol.dispose]: () => void closed.push(index) } satisfies HttpReply
  }
  return {
    asked,
    closed,
    open: (options: Partial<DownloadOptions>, hashed = true) => openHttpDownload(fetch, target(hashed), { offset: 0, signal, ...options }),
  }
}

function target(hashed: boolean) {
  return { url: 'https://example.org/x?token=hush', hashed, headers: { 'x-own': '1' } }
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text)
}

test('from the start no range is asked for, and size and validator are those of the answer', async () => {
  const { asked, open } = scripted({ status: 200, headers: { 'content-length': '10', etag: '"a"' } })
  const { offset, sizeBytes, validator } = await open({})
  assert.deepEqual({ offset, sizeBytes, validator }, { offset: 0, sizeBytes: 10, validator: '"a"' })
  assert.deepEqual(asked, [{ 'x-own': '1' }])
})

test('a range goes on under the validator it was asked with', async () => {
  const { asked, open } = scripted({ status: 206, headers: { 'content-range': 'bytes 4-9/10', 'last-modified': 'then' } })
  const { offset, sizeBytes, validator } = await open({ offset: 4, validator: '"a"' })
  assert.deepEqual({ offset, sizeBytes, validator }, { offset: 4, sizeBytes: 10, validator: '"a"' })
  assert.deepEqual(asked, [{ 'x-own': '1', range: 'bytes=4-', 'if-range': '"a"' }])
})

test('a part is asked for by its last byte, also at the beginning, where no validator is needed', async () => {
  const part = { status: 206, headers: { 'content-range': 'bytes 0-4/10', etag: '"a"' } }
  const { asked, open } = scripted(part, { status: 206, headers: { 'content-range': 'bytes 5-7/10' } })
  const { offset, sizeBytes, validator } = await open({ end: 5 }, false)
  assert.deepEqual({ offset, sizeBytes, validator }, { offset: 0, sizeBytes: 10, validator: '"a"' })
  assert.equal((await open({ offset: 5, end: 8, validator: '"a"' }, false)).offset, 5)
  assert.deepEqual(
    asked.map(({ range }) => range),
    ['bytes=0-4', 'bytes=5-7'],
  )
})

test('a part of something else, or of something that cannot be told apart, is all of it from the start', async () => {
  const server = scripted({ status: 206, headers: { 'content-range': 'bytes 5-7/10', etag: '"b"' } }, { status: 200 }, { status: 200 })
  assert.equal((await server.open({ offset: 5, end: 8, validator: '"a"' })).offset, 0)
  assert.equal((await server.open({ offset: 5, end: 8 }, false)).offset, 0)
  assert.deepEqual(
    server.asked.map(({ range }) => range),
    ['bytes=5-7', undefined, undefined],
  )
})

test('without validator only bytes that are hashed afterwards are resumed', async () => {
  const resumed = scripted({ status: 206, headers: { 'content-range': 'bytes 4-9/*' } })
  assert.equal((await resumed.open({ offset: 4 })).offset, 4)
  assert.equal(resumed.asked[0]?.['if-range'], undefined)
  const anew = scripted({ status: 200 })
  assert.equal((await anew.open({ offset: 4 }, false)).offset, 0)
  assert.equal(anew.asked[0]?.['range'], undefined)
})

test('another range, or one of other bytes, is closed and fetched from the start', async () => {
  const wrong: Scripted[] = [
    { status: 206, headers: { 'content-range': 'bytes 5-9/10' } },
    { status: 206, headers: { 'content-range': 'lines 1-2' } },
    { status: 206 },
    { status: 206, headers: { 'content-range': 'bytes 4-9/10', etag: '"b"' } },
    { status: 416, headers: { 'content-range': 'bytes */3' } },
    { status: 416 },
  ]
  for (const first of wrong) {
    const server = scripted(first, { status: 200, headers: { 'content-length': '10' } })
    assert.equal((await server.open({ offset: 4, validator: '"a"' })).offset, 0)
    assert.deepEqual(server.closed, [0])
    assert.equal(server.asked[1]?.['range'], undefined)
  }
})

test('when all bytes are there already, the rest is empty', async () => {
  const { open } = scripted({ status: 416, headers: { 'content-range': 'bytes */4' } })
  const download = await open({ offset: 4, validator: 'then' })
  assert.equal(download.offset, 4)
  assert.equal(download.sizeBytes, 4)
  assert.deepEqual(await Array.fromAsync(download.body), [])
})

test('a partial answer to a plain request is refused, with the address but not its secrets', async () => {
  const { open, closed } = scripted({ status: 206, headers: { 'content-range': 'bytes 0-1/10' } })
  await assert.rejects(open({}), (thrown) => {
    assert.ok(isSomaError(thrown, 'source/unavailable'))
    assert.match(thrown.message, /example\.org/)
    assert.doesNotMatch(thrown.message, /hush/)
    return true
  })
  assert.deepEqual(closed, [0])
})

test('weak tags validate nothing, and odd sizes are unknown', () => {
  assert.equal(validatorOf({ etag: 'W/"a"', 'last-modified': 'then' }), 'then')
  assert.equal(validatorOf({ etag: 'W/"a"' }), undefined)
  assert.equal(totalBytes({ status: 200, headers: { 'content-length': '1e3' } }), undefined)
  assert.equal(totalBytes({ status: 206, headers: { 'content-range': 'bytes 0-0/77', 'content-length': '1' } }), 77)
})

test('a document over its limit is refused for good, and its connection closed', async () => {
  let ended = false
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(10)
    } finally {
      ended = true
    }
  }
  const reply: HttpReply = { status: 200, url: 'https://example.org/index', headers: {}, body: body(), [Symbol.dispose]: () => {} }
  await assert.rejects(readDocument(reply, 25), { code: 'source/unavailable', retryable: false, message: /25 bytes/ })
  assert.ok(ended)
})

test('a document in one chunk, in many and in none is read whole', async () => {
  const read = async (...chunks: string[]) => {
    const body = async function* () {
      for (const chunk of chunks) yield new TextEncoder().encode(chunk)
    }
    const reply: HttpReply = { status: 200, url: 'https://example.org/', headers: {}, body: body(), [Symbol.dispose]: () => {} }
    return new TextDecoder().decode(await readDocument(reply, 100))
  }
  assert.deepEqual([await read('abc'), await read('a', '', 'bc'), await read()], ['abc', 'abc', ''])
})
