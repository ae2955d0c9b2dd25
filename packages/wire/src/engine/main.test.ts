import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import { createChannel, createPeer } from '../index.ts'

/** An engine that prints wherever it can. */
const chatty = `
import { runEngineMain } from '@soma/wire'
await runEngineMain({
  descriptor: { smiVersion: 1, id: 'chatty', title: 'Chatty', version: '1', formats: [], tasks: [], layouts: [] },
  probe() {
    console.log('printed by console.log')
    process.stdout.write('printed by process.stdout\\n')
    return { supported: true, reason: '', devices: [] }
  },
  estimate: () => new Promise(() => undefined),
  load: async (_pkg, _options, { log }) => { log.warn('a line for the log', { token: 'secret' }); throw new Error('no') },
})`

function start(): ChildProcessByStdio<Writable, Readable, Readable> {
  return spawn(process.execPath, ['--input-type=module', '--eval', chatty], { cwd: import.meta.dirname, stdio: ['pipe', 'pipe', 'pipe'] })
}

const host = { platform: '', arch: '', cpus: 1, memoryBytes: 1, memoryAvailableBytes: 1 }
const pkg = { name: 'm', format: 'f', task: 't', directory: '/', files: [], roles: {} }
const lost = (reason: unknown): SomaError => new SomaError('engine/crashed', String(reason))

test('what libraries print on stdout goes to stderr and does not disturb the frames', async () => {
  const child = start()
  const stderr = text(child.stderr)
  const peer = createPeer(createChannel({ readable: child.stdout, writable: child.stdin }), { concurrencyMax: 0, streamWindow: 1, lost })
  await peer.call('hello', { smiVersions: [1] })
  assert.deepEqual(await peer.call('probe', host), { supported: true, reason: '', devices: [] })
  await assert.rejects(peer.call('load', { package: pkg, options: { threads: 1, settings: {} } }), /no$/)
  await peer[Symbol.asyncDispose]()
  assert.deepEqual(await once(child, 'close'), [0, null])
  assert.match(await stderr, /printed by console.log\nprinted by process.stdout\nwarn: a line for the log \{"token":"\[redacted\]"\}/)
})

test('SIGTERM ends the process in order, SIGINT not at all', async () => {
  const child = start()
  child.stderr.resume()
  const peer = createPeer(createChannel({ readable: child.stdout, writable: child.stdin }), { concurrencyMax: 0, streamWindow: 1, lost })
  await peer.call('hello', { smiVersions: [1] })
  child.kill('SIGINT')
  await peer.call('health', {})
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'close'), [0, null])
})

test('a host that goes away in mid-call ends the process with a line that says so', async () => {
  const child = start()
  const stderr = text(child.stderr)
  const peer = createPeer(createChannel({ readable: child.stdout, writable: child.stdin }), { concurrencyMax: 0, streamWindow: 1, lost })
  await peer.call('hello', { smiVersions: [1] })
  const call = peer.call('estimate', { package: pkg, options: { threads: 1, settings: {} } })
  await peer.call('health', {})
  child.stdin.end()
  await assert.rejects(call)
  assert.deepEqual(await once(child, 'close'), [1, null])
  assert.match(await stderr, /error: the connection to the host broke/)
})
