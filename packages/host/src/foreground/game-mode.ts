import type { MachineReader } from '../hardware/machine-reader.ts'

const service = 'com.feralinteractive.GameMode'
const object = '/com/feralinteractive/GameMode'
/** The bus would start the service to answer; both are told not to, and it is asked only while it runs. */
const asks: ReadonlyArray<readonly [string, ...string[]]> = [
  ['busctl', '--user', '--auto-start=no', '--timeout=2', 'get-property', service, object, service, 'ClientCount'],
  [
    'gdbus',
    'call',
    '--session',
    '--timeout=2',
    '--dest',
    service,
    '--object-path',
    object,
    '--method',
    'org.freedesktop.DBus.Properties.Get',
    service,
    'ClientCount',
  ],
]

/** How many games have asked Feral's GameMode for all the machine can give; 0 where it is not installed, or there is no session bus. */
export async function gameModeClients({ run }: Pick<MachineReader, 'run'>): Promise<number> {
  for (const ask of asks) {
    // `i 1` says one, `(<1>,)` the other.
    const count = /^(?:i |\(<)(\d+)/.exec((await run(ask)) ?? '')?.[1]
    if (count !== undefined) return Number(count)
  }
  return 0
}
