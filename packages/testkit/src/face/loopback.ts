import { createSeededRng, silentLog } from '@soma/core'
import { systemClock } from '@soma/host'
import type { FakeDispatcher } from './fake-dispatcher.ts'

/** What an HTTP face needs beside the calls, of which tests want to know nothing. */
export function httpFaceDeps(dispatcher: FakeDispatcher) {
  return {
    dispatcher,
    clock: systemClock,
    rng: createSeededRng(1),
    log: silentLog,
    version: '1.2.3',
    metrics: () => [],
    readiness: () => ({ ready: true }),
  }
}

/** A free port of loopback. */
export const loopback = {
  host: '127.0.0.1',
  port: 0,
  allowedHosts: [],
  allowedOrigins: [],
  bodyBytesMax: 16 * 1024 * 1024,
  connectionsMax: 64,
} as const
