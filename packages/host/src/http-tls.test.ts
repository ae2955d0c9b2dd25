import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, type Server, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '@soma/core'
import { readDocument } from '@soma/spec'
import type { Env } from './http-agents.ts'
import { createHttpFetch } from './http-client.ts'

const { signal } = new AbortController()

/** A certificate of our own for localhost; undefined, with the test skipped, where openssl is missing. */
async function newCertificate(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'soma-tls-'))
  t.after(() => rm(folder, { recursive: true }))
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const made = spawnSync(
    'openssl',
    [...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout key -out cert'.split(' '), ...subject],
    { cwd: folder },
  )
  if (made.status !== 0) return t.skip('needs openssl to make a certificate')
  return { cert: await readFile(join(folder, 'cert'), 'utf8'), key: await readFile(join(folder, 'key'), 'utf8') }
}

async function listening(t: TestContext, server: Server & { closeAllConnections(): void }): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

function client(t: TestContext, env: Env = {}) {
  const fetch = createHttpFetch({ env, log: silentLog, clock: { now: () => 0 }, userAgent: 'soma-test' })
  t.after(() => fetch[Symbol.asyncDispose]())
  return fetch
}

test('a certificate is trusted by the connection’s CA or not at all, directly and through a proxy', async (t) => {
  const own = await newCertificate(t)
  if (!own) return
  const port = await listening(
    t,
    createServer(own, (_request, response) => response.end('secure')),
  )
  const url = `https://localhost:${port}/`
  const proxied: string[] = []
  const proxy = createHttpServer()
  proxy.on('connect', (request, client) => {
    proxied.push(String(request.url))
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
  })
  const proxyPort = await listening(t, proxy)
  for (const env of [{}, { https_proxy: `127.0.0.1:${proxyPort}` }]) {
    const fetch = client(t, env)
    await assert.rejects(fetch(url, { signal }), {
      code: 'source/unavailable',
      retryable: false,
      message: /certificate of localhost.*NODE_EXTRA_CA_CERTS/,
    })
    const read = async (connection: object) => new TextDecoder().decode(await readDocument(await fetch(url, { signal, connection }), 100))
    assert.equal(await read({ ca: own.cert }), 'secure')
    assert.equal(await read({ verifyPeer: false }), 'secure')
  }
  assert.deepEqual(new Set(proxied), new Set([`localhost:${port}`]))
})

test('a client certificate is shown to its host, and not to where that redirects', async (t) => {
  const own = await newCertificate(t)
  if (!own) return
  const shown: boolean[] = []
  const asking = { ...own, requestCert: true, rejectUnauthorized: false }
  const note = (socket: unknown): void =>
    void shown.push((socket as { getPeerCertificate(): { subject?: unknown } }).getPeerCertificate().subject !== undefined)
  const there = createServer(asking, (request, response) => {
    note(request.socket)
    response.end('there')
  })
  const therePort = await listening(t, there)
  const here = createServer(asking, (request, response) => {
    note(request.socket)
    response.writeHead(302, { location: `https://localhost:${therePort}/` }).end()
  })
  const url = `https://localhost:${await listening(t, here)}/`
  const reply = await client(t)(url, { signal, connection: { ca: own.cert, cert: own.cert, key: own.key } })
  await readDocument(reply, 100)
  assert.deepEqual(shown, [true, false])
})

test('a secure address never leads to an open one', async (t) => {
  const own = await newCertificate(t)
  if (!own) return
  const redirecting = createServer(own, (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
  const url = `https://localhost:${await listening(t, redirecting)}/`
  const connection = { ca: own.cert }
  await assert.rejects(client(t)(url, { signal, connection }), {
    code: 'source/unavailable',
    retryable: false,
    message: /redirects from https: to http:/,
  })
})
