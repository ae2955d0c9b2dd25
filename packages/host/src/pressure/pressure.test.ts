import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { silentLog } from '@soma/core'
import { createTestClock, settle } from '@soma/testkit/clock'
import { type Simulation, simulate } from '@soma/testkit/simulate'
import { CALM_FACTOR, CALM_READINGS, READ_ACCELERATORS_MS, READ_MS, READ_UNDER_PRESSURE_MS } from './limits.ts'
import type { MemoryReading, Pressure, PressureLevel } from './pressure.ts'
import { type PressureState, describePressure, isNearPressure, stepPressure, thresholdsOf } from './pressure-step.ts'
import { parseStalls, readMemory } from './read-memory.ts'
import { createPressureWatcher } from './watch-pressure.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2

function reading(availableBytes: number, more: Partial<MemoryReading> = {}): MemoryReading {
  return { device: 'memory', totalBytes: 16 * GIB, availableBytes, ...more }
}

/** The levels of readings one after the other. */
function levels(readings: readonly MemoryReading[]): PressureLevel[] {
  let state: PressureState | undefined
  return readings.map((next) => (state = stepPressure(state, next)).level)
}

describe('a level', () => {
  const { someBytes, criticalBytes } = thresholdsOf(16 * GIB)
  const rows: ReadonlyArray<readonly [claim: string, readings: readonly MemoryReading[], expected: string]> = [
    ['is none while there is enough', [reading(8 * GIB)], 'none'],
    ['is some below a tenth', [reading(someBytes - 1)], 'some'],
    ['is critical below a twenty-fifth', [reading(criticalBytes - 1)], 'critical'],
    ['is no emergency because of one large load', [reading(14 * GIB), reading(2 * GIB)], 'none none'],
    ['is some when tasks stand still for memory', [reading(4 * GIB, { stalledPercent: 12 })], 'some'],
    ['ignores what another group stands still for', [reading(8 * GIB, { stalledPercent: 90, allStalledPercent: 80 })], 'none'],
    ['is critical when memory is short and all tasks stand still', [reading(someBytes - 1, { allStalledPercent: 6 })], 'critical'],
    [
      'is kept until it was calm for a while',
      [reading(someBytes - 1), ...Array.from({ length: CALM_READINGS }, () => reading(8 * GIB))],
      'some some some some none',
    ],
    [
      'is kept just above what began it',
      [reading(someBytes - 1), ...Array.from({ length: 8 }, () => reading(someBytes * 1.1))],
      `some${' some'.repeat(8)}`,
    ],
    [
      'is lowered one by one',
      [reading(1), ...Array.from({ length: 2 * CALM_READINGS }, () => reading(8 * GIB))],
      'critical critical critical critical some some some some none',
    ],
  ]
  for (const [claim, readings, expected] of rows) test(claim, () => assert.equal(levels(readings).join(' '), expected))
})

test('what should be given back brings memory above what ends the level, and is 0 without one', () => {
  const short = reading(GIB)
  const { bytesToFree, why } = describePressure(stepPressure(undefined, short), short)
  assert.equal(bytesToFree, 1.6 * GIB * 1.25 - GIB)
  assert.equal(why, '1.07 GB of 17.18 GB of memory are available; 2.15 GB are wanted.')
  assert.equal(describePressure(stepPressure(undefined, reading(8 * GIB)), reading(8 * GIB)).bytesToFree, 0)
  const stalled = reading(4 * GIB, { stalledPercent: 20 })
  assert.equal(describePressure(stepPressure(undefined, stalled), stalled).bytesToFree, Math.ceil(1.6 * GIB))
})

/** A machine whose memory others take and give. */
class World {
  readonly totalBytes: number
  availableBytes: number
  state: PressureState | undefined
  readonly levels: PressureLevel[] = []

  constructor(simulation: Simulation) {
    this.totalBytes = simulation.pick([GIB / 2, 2 * GIB, 4 * GIB, 16 * GIB, 64 * GIB, 512 * GIB])
    this.availableBytes = this.totalBytes * (0.2 + 0.8 * simulation.rng.float())
  }

  get reading(): MemoryReading {
    return { device: 'memory', totalBytes: this.totalBytes, availableBytes: this.availableBytes }
  }

  read(): PressureLevel {
    this.state = stepPressure(this.state, this.reading)
    this.levels.push(this.state.level)
    return this.state.level
  }

  /** Milliseconds until it is read again; a busy machine is late. */
  pauseMs(simulation: Simulation): number {
    const isAtEase = this.state?.level === 'none' && !isNearPressure(this.reading)
    return (isAtEase ? READ_MS : READ_UNDER_PRESSURE_MS) + simulation.integer(100)
  }
}

test('critical always comes before memory is used up, as long as it is taken no faster than 1.8 GiB/s of 16 GiB (2,000 simulations)', async () => {
  await simulate(2000, (simulation) => {
    const world = new World(simulation)
    const perMs = thresholdsOf(world.totalBytes).criticalBytes / (READ_UNDER_PRESSURE_MS + 100)
    let firstCriticalBytes = 0
    while (world.availableBytes > 0) {
      if (world.read() === 'critical') firstCriticalBytes ||= world.availableBytes
      const takenBytes = perMs * simulation.rng.float() * world.pauseMs(simulation)
      world.availableBytes -= simulation.chance(0.95) ? takenBytes : -takenBytes / 4
    }
    assert.ok(firstCriticalBytes > 0, `after ${world.levels.join()}`)
  })
})

test('a level is lowered only after calm readings, and one by one; noise does not make it flap (2,000 simulations)', async () => {
  await simulate(2000, (simulation) => {
    const world = new World(simulation)
    const base = thresholdsOf(world.totalBytes).someBytes * (0.2 + 3 * simulation.rng.float())
    for (let step = 0; step < 150; step++) {
      world.availableBytes = base * (1 + ((CALM_FACTOR - 1) / 2) * (simulation.rng.float() - 0.5))
      world.read()
    }
    const ranks = world.levels.map((level) => ['none', 'some', 'critical'].indexOf(level))
    const changes = [...ranks.keys()].filter((index) => index > 0 && ranks[index] !== ranks[index - 1])
    for (const index of changes.filter((index) => Number(ranks[index]) < Number(ranks[index - 1]))) {
      assert.equal(Number(ranks[index - 1]) - Number(ranks[index]), 1)
      assert.equal(new Set(ranks.slice(Math.max(0, index - CALM_READINGS), index)).size, 1, `lowered at ${index}`)
    }
    assert.ok(changes.length <= 1, `${changes.length} changes under steady noise`)
  })
})

test('whoever gives back what was asked for gets to none and stays there (1,000 simulations)', async () => {
  await simulate(1000, (simulation) => {
    const world = new World(simulation)
    world.availableBytes = thresholdsOf(world.totalBytes).someBytes * simulation.rng.float()
    world.read()
    for (let step = 0; step < 30; step++) {
      const { bytesToFree } = describePressure(world.state as PressureState, world.reading)
      // Unloading takes a while, of at most eight readings, and frees in large pieces.
      if (simulation.chance(0.4) || step % 8 === 7) world.availableBytes += bytesToFree * (1 + simulation.rng.float())
      world.read()
    }
    const atEnd = world.levels.slice(-3)
    assert.deepEqual(atEnd, ['none', 'none', 'none'])
    assert.ok(!world.levels.join().includes('none,some') && !world.levels.join().includes('none,critical'))
  })
})

describe('the watcher', () => {
  const clock = createTestClock()
  const watch = (
    memory: () => MemoryReading,
    more: object = {},
  ): { told: Pressure[]; watcher: ReturnType<typeof createPressureWatcher> } => {
    const told: Pressure[] = []
    const watcher = createPressureWatcher({
      clock,
      log: silentLog,
      readMemory: memory,
      onPressure: (pressure) => told.push(pressure),
      ...more,
    })
    watcher.start()
    return { told, watcher }
  }

  test('reads once a second at ease and more often under pressure, and tells when it is over', async () => {
    let available = 8 * GIB
    let reads = 0
    const { told, watcher } = watch(() => (reads++, reading(available)))
    await clock.advance(2 * READ_MS)
    assert.deepEqual([reads, told.length, watcher.now.level], [3, 0, 'none'])
    available = GIB
    await clock.advance(READ_MS)
    await clock.advance(3 * READ_UNDER_PRESSURE_MS)
    assert.deepEqual([reads, told.length], [7, 4])
    available = 12 * GIB
    await clock.advance(3 * READ_MS)
    assert.equal(told.at(-1)?.level, 'none')
    watcher[Symbol.dispose]()
    assert.equal(clock.pending, 0)
  })

  test('asks accelerators rarely, only while something runs there, and survives that they cannot be read', async () => {
    let uses = true
    let asked = 0
    let fails = false
    const card = (): Promise<MemoryReading[]> => {
      asked++
      return fails
        ? Promise.reject(new Error('no driver'))
        : Promise.resolve([{ device: 'cuda:0', totalBytes: 8 * GIB, availableBytes: 100 * MIB }])
    }
    const { told, watcher } = watch(() => reading(8 * GIB), { readAccelerators: card, usesAccelerators: () => uses })
    await settle()
    assert.equal(watcher.now.devices.find(({ device }) => device === 'cuda:0')?.level, 'critical')
    assert.equal(told[0]?.level, 'critical')
    await clock.advance(READ_ACCELERATORS_MS - READ_MS)
    assert.equal(asked, 1)
    fails = true
    await clock.advance(READ_MS)
    assert.equal(asked, 2)
    assert.equal(watcher.now.level, 'critical')
    uses = false
    await clock.advance(READ_MS)
    assert.deepEqual([watcher.now.level, watcher.now.devices.length, told.at(-1)?.level], ['none', 1, 'none'])
    watcher[Symbol.dispose]()
  })
})

test('stalls are read from the kernel’s files, and are 0 where there are none', () => {
  assert.deepEqual(parseStalls('some avg10=12.50 avg60=1.00 avg300=0.10 total=5\nfull avg10=3.00 avg60=0.00 avg300=0.00 total=2\n'), {
    some: 12.5,
    full: 3,
  })
  assert.deepEqual(parseStalls('nonsense'), { some: 0, full: 0 })
})

test('a group’s soft limit and its stalls count', () => {
  const files: Readonly<Record<string, string>> = {
    '/proc/meminfo': 'MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n',
    '/proc/self/cgroup': '0::/user.slice/soma.scope\n',
    '/proc/pressure/memory': 'some avg10=1.00 \nfull avg10=0.50 ',
    '/sys/fs/cgroup/user.slice/soma.scope/cgroup.procs': '1\n',
    '/sys/fs/cgroup/user.slice/soma.scope/memory.max': 'max\n',
    '/sys/fs/cgroup/user.slice/soma.scope/memory.high': `${2 * GIB}\n`,
    '/sys/fs/cgroup/user.slice/soma.scope/memory.current': `${GIB}\n`,
    '/sys/fs/cgroup/user.slice/soma.scope/memory.pressure': 'some avg10=20.00 \nfull avg10=10.00 ',
  }
  const machine = {
    platform: 'linux',
    arch: 'x64',
    read: (path: string) => files[path],
    parallelism: 4,
    memoryBytes: 1,
    memoryFreeBytes: 1,
  }
  assert.deepEqual(readMemory(machine), {
    device: 'memory',
    totalBytes: 2 * GIB,
    availableBytes: GIB,
    stalledPercent: 20,
    allStalledPercent: 10,
  })
  assert.ok(readMemory().availableBytes > 0)
})
