import { writeFileSync } from 'node:fs'
import type { Clock, Log } from '@soma/core'
import {
  type Foreground,
  type Hardware,
  type MachineReader,
  type Priorities,
  ProcessList,
  createForegroundWatcher,
  createPressureWatcher,
  createPriorities,
  gameModeClients,
  readMemory,
} from '@soma/host'
import type { Models } from '@soma/models'
import type { Config } from '@soma/spec'

export interface WatchersDeps {
  readonly clock: Clock
  readonly log: Log
  readonly machine: MachineReader
  readonly hardware: Hardware
  readonly models: Pick<Models, 'pressed' | 'foreground'>
  /** As they are now: they may change at any time. */
  readonly settings: () => Config['foreground']
  /** Whether models are on accelerators now: only then their memory is looked at. */
  readonly usesAccelerators: () => boolean
}

/** Watches what models have to make room for: other programs' memory, and programs of the foreground. Disposing ends it. */
export function startWatchers(deps: WatchersDeps): Disposable {
  const { clock, log, machine, hardware, models, settings, usesAccelerators } = deps
  using stack = new DisposableStack()
  const pressure = createPressureWatcher({
    clock,
    log,
    readMemory: () => readMemory(),
    readAccelerators: () => hardware.acceleratorMemory(),
    usesAccelerators,
    onPressure: (now) => models.pressed(now),
  })
  const list = new ProcessList(machine)
  const foreground = createForegroundWatcher({
    clock,
    log,
    settings,
    processes: () => list.look(),
    gameModeClients: () => gameModeClients(machine),
    onChange: (now) => void tell(deps, now),
  })
  for (const watcher of [stack.use(pressure), stack.use(foreground)]) watcher.start()
  return stack.move()
}

/** How engine processes step back. */
export function enginePriorities(machine: MachineReader): Priorities {
  return createPriorities({ machine, write: (path, text) => writeFileSync(path, text), ownPid: process.pid })
}

async function tell({ models, log }: WatchersDeps, { active, why }: Foreground): Promise<void> {
  log.info(active ? 'models step back' : 'models are back', { why })
  await models.foreground(active)
}
