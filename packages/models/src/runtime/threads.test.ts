import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CpuFacts } from '@soma/spec'
import { threadsFor } from './threads.ts'

const cpu: CpuFacts = { vendor: '', model: '', features: [], vectorBits: 256, cores: 8, threads: 16, quota: null, numaNodes: 1, load: 0 }
const idle = { busyThreads: 0 }

describe('threads of a model', () => {
  it('come from what may be used, not from what the board has', () => {
    assert.equal(threadsFor({ cpus: 1, cpu: { ...cpu, quota: 1.5 } }, idle), 1)
    assert.equal(threadsFor({ cpus: 4, cpu: { ...cpu, quota: 3.9 } }, idle), 3)
    assert.equal(threadsFor({ cpus: 2 }, idle), 2)
    assert.equal(threadsFor({ cpus: 0.5 }, idle), 1)
  })

  it('are no more than physical cores', () => {
    assert.equal(threadsFor({ cpus: 16, cpu }, idle), 8)
    assert.equal(threadsFor({ cpus: 6, cpu }, idle), 6)
  })

  it('leave busy CPUs to others, but take at least half', () => {
    assert.equal(threadsFor({ cpus: 8, cpu: { ...cpu, load: 2.4 } }, idle), 6)
    assert.equal(threadsFor({ cpus: 8, cpu: { ...cpu, load: 30 } }, idle), 4)
    assert.equal(threadsFor({ cpus: 8, cpu: { ...cpu, load: 6 } }, { busyThreads: 6 }), 8, 'our own load is no reason')
  })
})
