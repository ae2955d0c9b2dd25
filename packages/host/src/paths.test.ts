import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { ensureFolders, ensurePrivateFolder, somaPaths } from './paths.ts'

const facts = { home: '/home/pw', uid: 1000 }

test('the XDG base folders are used, and their defaults under HOME', () => {
  const given = somaPaths(
    { HOME: '/home/me', XDG_DATA_HOME: '/d', XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/r' },
    'linux',
    facts,
  )
  assert.deepEqual(given, {
    data: '/d/soma',
    config: '/c/soma',
    configFile: '/c/soma/config.toml',
    sources: '/c/soma/sources',
    run: '/r/soma',
    socket: '/r/soma/soma.sock',
    daemonFile: '/r/soma/daemon.json',
    logFile: '/s/soma/somad.log',
  })
  const usual = somaPaths({ HOME: '/home/me', XDG_RUNTIME_DIR: '/r' }, 'linux', facts)
  assert.equal(usual.data, '/home/me/.local/share/soma')
  assert.equal(usual.configFile, '/home/me/.config/soma/config.toml')
  assert.equal(usual.logFile, '/home/me/.local/state/soma/somad.log')
})

test('relative XDG folders are ignored, as their specification says, and no HOME is no problem', () => {
  const { data, config } = somaPaths({ XDG_DATA_HOME: 'here', XDG_RUNTIME_DIR: '/r' }, 'linux', facts)
  assert.equal(data, '/home/pw/.local/share/soma')
  assert.equal(config, '/home/pw/.config/soma')
})

test('SOMA_HOME takes everything, and must be absolute', () => {
  const paths = somaPaths({ SOMA_HOME: '/x', XDG_DATA_HOME: '/d' }, 'linux', facts)
  for (const path of Object.values(paths)) assert.ok(path.startsWith('/x'), path)
  assert.throws(
    () => somaPaths({ SOMA_HOME: 'x' }, 'linux', facts),
    (error) => isSomaError(error, 'config/invalid'),
  )
})

test('a socket path too long for the system, or without a runtime folder, gets a short one of its own', () => {
  const deep = `/${'deep/'.repeat(30)}home`
  const { socket } = somaPaths({ SOMA_HOME: deep }, 'linux', facts)
  assert.match(socket, /^\/tmp\/soma-1000\/[0-9a-f]{16}\/soma\.sock$/)
  assert.equal(somaPaths({ SOMA_HOME: deep }, 'linux', facts).socket, socket)
  assert.notEqual(somaPaths({ SOMA_HOME: `${deep}2` }, 'linux', facts).socket, socket)
  assert.match(somaPaths({ HOME: '/home/me' }, 'linux', facts).socket, /^\/tmp\/soma-1000\//)
  // 107 bytes fit, 108 do not.
  const home = (length: number): string => `/${'x'.repeat(length - '/run/soma.sock'.length - 1)}`
  assert.equal(somaPaths({ SOMA_HOME: home(107) }, 'linux', facts).socket.length, 107)
  assert.ok(somaPaths({ SOMA_HOME: home(108) }, 'linux', facts).socket.startsWith('/tmp/'))
})

test('macOS keeps things in ~/Library and sockets in the private temporary folder', () => {
  const paths = somaPaths({ HOME: '/Users/me', TMPDIR: '/var/folders/ab/cd/T/' }, 'darwin', facts)
  assert.equal(paths.data, '/Users/me/Library/Application Support/soma')
  assert.equal(paths.socket, '/var/folders/ab/cd/T/soma/soma.sock')
})

test('folders are made private, or made so, and refused when they could be somebody else’s', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'soma-paths-'))
  t.after(() => rmSync(folder, { recursive: true }))
  ensureFolders(somaPaths({ SOMA_HOME: join(folder, 'home') }, 'linux', facts))
  assert.equal(lstatSync(join(folder, 'home', 'run')).mode & 0o777, 0o700)
  const open = join(folder, 'open')
  mkdirSync(open)
  chmodSync(open, 0o755)
  ensurePrivateFolder(open)
  assert.equal(lstatSync(open).mode & 0o777, 0o700)
  symlinkSync(open, join(folder, 'link'))
  writeFileSync(join(folder, 'file'), '')
  for (const name of ['link', 'file', 'file/below'])
    assert.throws(
      () => ensurePrivateFolder(join(folder, name)),
      (error) => isSomaError(error, 'config/invalid'),
    )
})

test(
  'a folder that the system does not let anybody make is refused, and not tried for ever',
  { skip: process.platform !== 'linux' },
  () => {
    for (const path of ['/proc/soma', '/proc/soma/deeper', `/proc/${process.pid}/soma`])
      assert.throws(
        () => ensurePrivateFolder(path),
        (error) => isSomaError(error, 'config/invalid') && error.message.includes(path),
      )
  },
)
