import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { describe, test, type TestContext } from 'node:test'
import { silentLog } from '@soma/core'
import { ConfigSchema } from '@soma/spec'
import { createTestClock, settle } from '@soma/testkit/clock'
import { simulate } from '@soma/testkit/simulate'
import { readThisMachine } from '../hardware/machine-reader.ts'
import { gameModeClients } from './game-mode.ts'
import { lowerGroupWeight } from './group-weight.ts'
import { LOOKS_UNTIL_ANEW, LOOK_MS, OVER_AFTER_MS, READS_OF_NEW } from './limits.ts'
import { createPriorities } from './priority.ts'
import { ProcessList } from './process-list.ts'
import { type ProcessName, matchPrograms } from './programs.ts'
import { type Foreground, createForegroundWatcher } from './watch-foreground.ts'

const { programs } = ConfigSchema.parse({}).foreground

function named(name: string, ...args: string[]): ProcessName {
  return { pid: 1, name, args }
}

describe('the usual list', () => {
  const matches = matchPrograms(programs)
  const rows: ReadonlyArray<readonly [what: string, process: ProcessName, expected: boolean]> = [
    ['a Steam game', named('reaper', '/home/me/.steam/ubuntu12_32/reaper', 'SteamLaunch', 'AppId=620', '--', '/games/portal2.sh'), true],
    ['Steam itself, idle in the tray', named('steam', '/home/me/.steam/ubuntu12_32/steam'), false],
    ['another program called reaper', named('reaper', '/usr/bin/reaper', 'song.rpp'), false],
    ['a Lutris game', named('lutris-wrapper', 'lutris-wrapper: Doom'), true],
    ['a Heroic game', named('legendary', '/opt/Heroic/legendary', 'launch', 'Fortnite'), true],
    ['a Heroic download', named('legendary', '/opt/Heroic/legendary', 'install', 'Fortnite'), false],
    ['a Windows game', named('game-win64-ship', 'Z:\\games\\Game-Win64-Shipping.exe'), true],
    ['Blender', named('blender', '/snap/bin/blender', 'scene.blend'), true],
    ['OBS', named('obs', 'obs'), true],
    ['DaVinci Resolve', named('resolve', '/opt/resolve/bin/resolve'), true],
    ['a shell', named('bash', '-bash'), false],
    ['a thread of the kernel', named('kworker/0:1'), false],
    ['a file that is called like a program', named('vim', 'vim', 'blender'), false],
  ]
  for (const [what, process, expected] of rows)
    test(`${expected ? 'has' : 'does not have'} ${what}`, () => assert.equal(matches(process), expected))
})

test('patterns take stars, are not regular expressions, and an empty one matches nothing', () => {
  assert.ok(matchPrograms(['Half*life'])(named('half-life')))
  assert.ok(!matchPrograms(['b.ender'])(named('blender')))
  assert.ok(!matchPrograms(['', ' '])(named('')))
})

test('a process is read when it is new, a few times, and then only when everything is', () => {
  const files: Record<string, string> = { '/proc/7/comm': 'sh\n', '/proc/7/cmdline': 'sh\0-c\0x\0' }
  let reads = 0
  const list = new ProcessList({ list: () => ['7', '8', 'self', 'net'], read: (path) => (reads++, files[path]) })
  assert.deepEqual(list.look(), [{ pid: 7, name: 'sh', args: ['sh', '-c', 'x'] }])
  files['/proc/7/comm'] = 'blender\n'
  assert.equal(list.look()[0]?.name, 'blender')
  for (let look = 2; look < READS_OF_NEW; look++) list.look()
  const before = reads
  list.look()
  // The one that cannot be read is tried again; the other is known.
  assert.equal(reads - before, 2)
  files['/proc/7/comm'] = 'obs\n'
  for (let look = READS_OF_NEW + 1; look < LOOKS_UNTIL_ANEW; look++) assert.equal(list.look()[0]?.name, 'blender')
  assert.equal(list.look()[0]?.name, 'obs')
})

describe('the watcher', () => {
  function watch(t: TestContext, gameMode?: () => Promise<number>) {
    const clock = createTestClock()
    const world = { processes: [named('bash')], enabled: true, told: [] as Foreground[], advance: (ms: number) => clock.advance(ms) }
    const watcher = createForegroundWatcher({
      clock,
      log: silentLog,
      settings: () => ({ enabled: world.enabled, programs }),
      processes: () => world.processes,
      ...(gameMode && { gameModeClients: gameMode }),
      onChange: (foreground) => world.told.push(foreground),
    })
    t.after(() => {
      watcher[Symbol.dispose]()
      assert.equal(clock.pending, 0)
    })
    watcher.start()
    return world
  }

  test('says when a program begins, and that it is over only after a while without', async (t) => {
    const world = watch(t)
    await settle()
    world.processes = [named('bash'), named('blender')]
    await world.advance(LOOK_MS)
    assert.deepEqual(world.told, [{ active: true, why: 'blender runs (process 1).' }])
    world.processes = []
    await world.advance(OVER_AFTER_MS - LOOK_MS)
    assert.equal(world.told.length, 1)
    await world.advance(LOOK_MS)
    assert.deepEqual(
      world.told.map(({ active }) => active),
      [true, false],
    )
  })

  test('asks GameMode only while its service runs, and survives that it cannot be asked', async (t) => {
    let asked = 0
    const answers = [0, 1, new Error('no bus')]
    const world = watch(t, () => {
      const answer = answers[asked++] ?? 1
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    })
    await world.advance(3 * LOOK_MS)
    assert.equal(asked, 0)
    world.processes = [named('gamemoded')]
    await world.advance(3 * LOOK_MS)
    assert.deepEqual([asked, world.told.map(({ active }) => active)], [3, [true]])
    await world.advance(LOOK_MS)
    assert.equal(asked, 4)
  })

  test('finds nothing once it is switched off', async (t) => {
    const world = watch(t)
    await settle()
    world.processes = [named('obs')]
    await world.advance(LOOK_MS)
    world.enabled = false
    await world.advance(OVER_AFTER_MS + LOOK_MS)
    assert.deepEqual(
      world.told.map(({ active }) => active),
      [true, false],
    )
  })

  test('never says the same twice in a row, and a program that comes and goes is one (500 simulations)', async (t) => {
    await simulate(500, async (simulation) => {
      const world = watch(t)
      for (let look = 0; look < 40; look++) {
        world.processes = simulation.chance(0.5) ? [named('obs')] : []
        await world.advance(LOOK_MS)
      }
      assert.ok(world.told.every(({ active }, index) => active === (index % 2 === 0)))
    })
  })
})

test('GameMode is asked through whichever program is there, and without one there are no clients', async () => {
  const answering = (program: string, answer: string) => (command: readonly string[]) =>
    Promise.resolve(command[0] === program ? answer : undefined)
  assert.equal(await gameModeClients({ run: answering('busctl', 'i 2\n') }), 2)
  assert.equal(await gameModeClients({ run: answering('gdbus', '(<1>,)\n') }), 1)
  assert.equal(await gameModeClients({ run: answering('none', '') }), 0)
  assert.equal(await gameModeClients(readThisMachine({ PATH: process.env['PATH'] })), 0)
})

describe('priorities', { skip: process.platform !== 'linux' && 'priorities are changed on Linux only' }, () => {
  const machine = readThisMachine(process.env)
  const write = (path: string, text: string): void => writeFileSync(path, text)
  /** Scheduling policy: 0 other, 5 idle. */
  const policyOf = (pid: number): number => Number(statOf(pid)[38])
  const statOf = (pid: number): string[] => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []

  /** A shell with a child of its own, as an engine is that starts workers. */
  async function family(t: TestContext): Promise<{ parent: ChildProcess & { pid: number }; child: number }> {
    const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; wait'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    assert.ok(parent.pid !== undefined)
    t.after(() => process.kill(-Number(parent.pid), 'SIGKILL'))
    return { parent: parent as never, child: Number(line.toString()) }
  }

  test('step back with all they started, and come back', async (t) => {
    const mayRaise = process.getuid?.() === 0
    const { parent, child } = await family(t)
    const priorities = createPriorities({ machine, write, ownPid: process.pid })
    const ways = await priorities.lower(parent.pid)
    if (!ways.includes('nice') && mayRaise) return t.skip('this container forbids changing priorities')
    if (ways.includes('nice')) assert.deepEqual([getPriority(parent.pid), getPriority(child)], [19, 19])
    if (ways.includes('idle-scheduling')) assert.deepEqual([policyOf(parent.pid), policyOf(child)], [5, 5])
    if (ways.includes('idle-io')) assert.match((await machine.run(['ionice', '-p', String(child)])) ?? '', /^idle/)
    await priorities.restore(parent.pid)
    assert.deepEqual([getPriority(parent.pid), getPriority(child), policyOf(parent.pid), policyOf(child)], [0, 0, 0, 0])
    if (ways.includes('idle-io')) assert.match((await machine.run(['ionice', '-p', String(child)])) ?? '', /^none|^best-effort/)
  })

  test('of an ordinary user are changed only in ways that can be undone', async (t) => {
    const { parent } = await family(t)
    const ordinary = {
      ...machine,
      read: (path: string) => (path === '/proc/self/status' ? 'CapEff:\t0000000000000000\n' : machine.read(path)),
    }
    const written: string[] = []
    const priorities = createPriorities({ machine: ordinary, write: (path, text) => written.push(`${path} ${text}`), ownPid: process.pid })
    const ways = await priorities.lower(parent.pid)
    assert.ok(ways.includes('session-nice') && !ways.includes('nice') && !ways.includes('idle-scheduling'))
    await priorities.restore(parent.pid)
    assert.deepEqual(
      written.filter((line) => line.includes('autogroup')),
      [`/proc/${parent.pid}/autogroup 19`, `/proc/${parent.pid}/autogroup 0`],
    )
    assert.equal(getPriority(parent.pid), 0)
  })

  test('give the control group its weight back, however many stepped back and whoever has ended', async (t) => {
    const [one, other] = [await family(t), await family(t)]
    const group = '/sys/fs/cgroup/soma'
    const files: Record<string, string> = {
      '/proc/self/cgroup': '0::/soma\n',
      [`${group}/cpu.weight`]: '100\n',
      [`${group}/cgroup.procs`]: `${process.pid}\n`,
    }
    const priorities = createPriorities({
      machine: { ...machine, read: (path) => files[path] ?? machine.read(path) },
      write: (path, text) => void (files[path] = text),
      ownPid: process.pid,
    })
    await Promise.all([priorities.lower(one.parent.pid), priorities.lower(other.parent.pid)])
    assert.equal(files[`${group}/cpu.weight`], '1')
    // The other one has ended: nobody restores it.
    await priorities.restore(one.parent.pid)
    priorities.end()
    assert.equal(files[`${group}/cpu.weight`], '100')
  })

  test('of a process that is gone change nothing', async () => {
    const priorities = createPriorities({ machine, write, ownPid: process.pid })
    assert.deepEqual(await priorities.lower(2 ** 22 + 1), [])
    await priorities.restore(2 ** 22 + 1)
  })
})

test('a control group’s weight is lowered only when nobody else is in it', () => {
  const group = '/sys/fs/cgroup/user.slice/soma.service'
  const files: Record<string, string> = {
    '/proc/self/cgroup': '0::/user.slice/soma.service\n',
    [`${group}/cpu.weight`]: '100\n',
    [`${group}/cgroup.procs`]: '10\n11\n',
    '/proc/10/task/10/children': '11 ',
  }
  const machine = { read: (path: string) => files[path], list: (path: string) => /^\/proc\/(10|11)\/task$/.exec(path)?.slice(1) ?? [] }
  const deps = { machine, write: (path: string, text: string) => void (files[path] = text), ownPid: 10 }
  const undo = lowerGroupWeight(deps)
  assert.equal(files[`${group}/cpu.weight`], '1')
  undo?.()
  assert.equal(files[`${group}/cpu.weight`], '100')
  files[`${group}/cgroup.procs`] = '10\n11\n999\n'
  assert.equal(lowerGroupWeight(deps), undefined)
  files[`${group}/cgroup.procs`] = '10\n'
  assert.equal(lowerGroupWeight({ ...deps, write: () => assert.fail('not permitted') }), undefined)
})
