import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import { type FuzzTarget, caseRng, fuzz } from './test-fuzz.ts'
import { mutate, prepareSeed } from './test-mutate.ts'

const target = (read: FuzzTarget['read']): FuzzTarget => ({ name: 'test', seeds: [Buffer.from('a seed with 12 bytes\x08\0\0\0 ')], read })
const sum = ({ user, system }: NodeJS.CpuUsage): number => user + system
const isSeed = (bytes: Uint8Array): boolean => Buffer.from(bytes).toString().startsWith('a seed')

describe('the fuzzer', () => {
  it('makes the same case of the same seed, target and number, and others otherwise', () => {
    const seeds = [prepareSeed(Buffer.from('{"some":[1,22,333]}'))]
    const make = (name: string, seed: number, index: number): string =>
      Buffer.from(mutate(seeds, caseRng(name, seed, index))).toString('hex')
    assert.equal(make('a', 1, 5), make('a', 1, 5))
    const cases = new Set(Array.from({ length: 1000 }, (_, index) => make('a', 1, index)))
    assert.ok(cases.size > 800, `${cases.size} different cases of 1000`)
  })

  it('counts what is read and what is refused', async () => {
    const result = await fuzz(
      target(async (file) => {
        const bytes = await file.read(0, file.sizeBytes)
        if (!isSeed(bytes)) throw new SomaError('package/invalid-model', 'changed')
      }),
      { seed: 1, cases: 500 },
    )
    assert.equal(result.cases, 500)
    assert.ok(result.parsed > 0)
    assert.equal(result.parsed + (result.refused.get('package/invalid-model') ?? 0), 500)
  })

  it('fails on any other error, naming the case, which fails again by itself', async () => {
    const faulty = target(async (file) => {
      if (!isSeed(await file.read(0, file.sizeBytes))) throw new TypeError('undefined is not a function')
    })
    const failure = (error: unknown): string => /test: case (\d+) of seed 7 threw TypeError/.exec(String(error))?.[1] ?? ''
    let index = ''
    await assert.rejects(fuzz(faulty, { seed: 7, cases: 500 }), (error) => (index = failure(error)) !== '')
    await assert.rejects(fuzz(faulty, { seed: 7, from: Number(index), cases: 1 }), (error) => failure(error) === index)
    await assert.rejects(
      fuzz(
        target(() => Promise.reject(new SomaError('internal', 'no'))),
        { seed: 7, cases: 1 },
      ),
      /is refused/,
    )
  })

  it('fails on a case that is slow, and on one that reads too much', async () => {
    const slow = target(async (file) => {
      if (isSeed(await file.read(0, file.sizeBytes))) return
      const before = process.threadCpuUsage()
      while (sum(process.threadCpuUsage(before)) < 1_200_000);
    })
    await assert.rejects(fuzz(slow, { seed: 1, cases: 500 }), /took \d+ ms/)
    const greedy = target(async (file) => {
      for (let count = 0; count < 1000; count++) await file.read(0, file.sizeBytes)
    })
    await assert.rejects(fuzz(greedy, { seed: 1, cases: 500 }), /asked for \d+ of \d+ bytes/)
  })

  it('fails when memory is taken that the file cannot fill', async () => {
    const trusting = target(async (file) => {
      if (!isSeed(await file.read(0, file.sizeBytes))) Buffer.alloc(512 * 1024 * 1024, 1)
    })
    await assert.rejects(fuzz(trusting, { seed: 1, cases: 500 }), /made the process grow|took \d+ ms/)
  })
})
