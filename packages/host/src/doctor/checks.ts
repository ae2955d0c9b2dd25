import type { Check } from '@soma/spec'
import {
  CLOCK_EARLIEST,
  CLOCK_LATEST,
  DISK_FREE_BYTES_LOW,
  DISK_FREE_BYTES_MIN,
  MEMORY_BYTES_LOW,
  NODE_MAJOR_MIN,
  OPEN_FILES_LOW,
  SHM_BYTES_LOW,
} from './limits.ts'

/** What was found on a machine; everything the checks look at, so that they are pure. */
export interface DoctorFacts {
  readonly platform: string
  readonly nodeVersion: string
  /** Soft limit of open files; undefined where the system does not say. */
  readonly openFiles: number | undefined
  readonly memoryAvailableBytes: number
  readonly memoryBytes: number
  readonly diskFreeBytes: number
  readonly diskPath: string
  /** Free bytes of /dev/shm; undefined when it is missing or not writable. */
  readonly sharedMemoryFreeBytes: number | undefined
  /** Absolute path of `setpriv`; undefined when not installed. */
  readonly setpriv: string | undefined
  readonly folders: readonly FolderFact[]
  readonly socket: SocketFact
  readonly now: number
  readonly proxies: Readonly<Record<string, string>>
  /** What is wrong with the configuration file; undefined when nothing is. */
  readonly configProblem: string | undefined
}

export interface FolderFact {
  readonly path: string
  readonly state: 'ok' | 'missing' | 'not-writable' | 'foreign' | 'open-to-others'
}

export interface SocketFact {
  readonly path: string
  readonly state: 'none' | 'answers' | 'stale'
}

type Verdict = Pick<Check, 'status' | 'detail'> & { readonly remedy?: string }

interface CheckDefinition {
  readonly id: string
  readonly title: string
  readonly judge: (facts: DoctorFacts) => Verdict | undefined
}

const definitions: readonly CheckDefinition[] = [
  { id: 'node', title: 'Node.js', judge: judgeNode },
  { id: 'configuration', title: 'Configuration', judge: judgeConfiguration },
  { id: 'folders', title: 'Folders', judge: judgeFolders },
  { id: 'socket', title: 'Daemon socket', judge: judgeSocket },
  { id: 'disk', title: 'Disk space', judge: judgeDisk },
  { id: 'memory', title: 'Memory', judge: judgeMemory },
  { id: 'open-files', title: 'Open files', judge: judgeOpenFiles },
  { id: 'shared-memory', title: 'Shared memory', judge: judgeSharedMemory },
  { id: 'setpriv', title: 'setpriv', judge: judgeSetpriv },
  { id: 'clock', title: 'Clock', judge: judgeClock },
  { id: 'proxy', title: 'Proxy', judge: judgeProxy },
]

/** What is fine, odd or broken, in a fixed order; checks that make no sense on this platform are left out. */
export function diagnose(facts: DoctorFacts): Check[] {
  return definitions.flatMap(({ id, title, judge }) => {
    const verdict = judge(facts)
    return verdict ? [{ id, title, ...verdict }] : []
  })
}

function judgeNode({ nodeVersion }: DoctorFacts): Verdict {
  const major = Number(/^v?(\d+)/.exec(nodeVersion)?.[1])
  if (major >= NODE_MAJOR_MIN) return { status: 'ok', detail: nodeVersion }
  return {
    status: 'fail',
    detail: `${nodeVersion} is too old`,
    remedy: `Use Node.js ${NODE_MAJOR_MIN} or newer, or start Soma with \`npm run soma\`.`,
  }
}

function judgeConfiguration({ configProblem }: DoctorFacts): Verdict {
  if (configProblem === undefined) return { status: 'ok', detail: 'valid' }
  return { status: 'fail', detail: configProblem, remedy: 'Correct the file; `soma config list` shows every setting.' }
}

function judgeFolders({ folders }: DoctorFacts): Verdict {
  const remedies = {
    'not-writable': {
      status: 'fail',
      what: 'cannot be written',
      remedy: 'Give yourself write access, or set SOMA_HOME to another folder.',
    },
    foreign: { status: 'fail', what: 'belongs to somebody else', remedy: 'Remove it, or set SOMA_HOME to another folder.' },
    'open-to-others': { status: 'warn', what: 'can be entered by other users', remedy: 'Run: chmod 700 ' },
  } as const
  for (const state of ['not-writable', 'foreign', 'open-to-others'] as const) {
    const bad = folders.find((folder) => folder.state === state)
    const { status, what, remedy } = remedies[state]
    if (bad) return { status, detail: `${bad.path} ${what}`, remedy: remedy.endsWith(' ') ? `${remedy}${bad.path}` : remedy }
  }
  const missing = folders.filter((folder) => folder.state === 'missing').length
  return { status: 'ok', detail: missing === folders.length ? 'not made yet; the daemon makes them' : 'private and writable' }
}

function judgeSocket({ socket }: DoctorFacts): Verdict {
  if (socket.state === 'answers') return { status: 'ok', detail: `a daemon answers on ${socket.path}` }
  if (socket.state === 'none') return { status: 'ok', detail: 'no daemon is running' }
  return {
    status: 'warn',
    detail: `${socket.path} was left behind by a daemon that is gone`,
    remedy: 'Nothing: the next `soma serve` replaces it.',
  }
}

function judgeDisk({ diskFreeBytes, diskPath }: DoctorFacts): Verdict {
  const detail = `${gigabytes(diskFreeBytes)} free at ${diskPath}`
  if (diskFreeBytes < DISK_FREE_BYTES_MIN)
    return { status: 'fail', detail, remedy: 'Free some space: nothing can be installed, and the log cannot grow.' }
  if (diskFreeBytes < DISK_FREE_BYTES_LOW)
    return { status: 'warn', detail, remedy: 'Free some space, or remove models with `soma model remove`.' }
  return { status: 'ok', detail }
}

function judgeMemory({ memoryAvailableBytes, memoryBytes }: DoctorFacts): Verdict {
  const detail = `${gigabytes(memoryAvailableBytes)} of ${gigabytes(memoryBytes)} available`
  if (memoryAvailableBytes >= MEMORY_BYTES_LOW) return { status: 'ok', detail }
  return { status: 'warn', detail, remedy: 'Only small models will load. Close other programs, or raise the memory limit of this session.' }
}

function judgeOpenFiles({ openFiles }: DoctorFacts): Verdict | undefined {
  if (openFiles === undefined) return undefined
  const detail = openFiles === Infinity ? 'no limit' : `up to ${openFiles}`
  if (openFiles >= OPEN_FILES_LOW) return { status: 'ok', detail }
  return { status: 'warn', detail, remedy: `Raise it before starting the daemon: ulimit -n ${OPEN_FILES_LOW}` }
}

function judgeSharedMemory({ platform, sharedMemoryFreeBytes }: DoctorFacts): Verdict | undefined {
  if (platform !== 'linux') return undefined
  if (sharedMemoryFreeBytes === undefined)
    return {
      status: 'warn',
      detail: '/dev/shm is missing or not writable',
      remedy: 'Mount it: mount -t tmpfs tmpfs /dev/shm. Some engines need it.',
    }
  const detail = `${gigabytes(sharedMemoryFreeBytes)} free in /dev/shm`
  if (sharedMemoryFreeBytes >= SHM_BYTES_LOW) return { status: 'ok', detail }
  return { status: 'warn', detail, remedy: 'Make it larger; for a container: --shm-size=1g' }
}

function judgeSetpriv({ platform, setpriv }: DoctorFacts): Verdict | undefined {
  if (platform !== 'linux') return undefined
  if (setpriv !== undefined) return { status: 'ok', detail: setpriv }
  return {
    status: 'warn',
    detail: 'not installed: engine processes notice a killed daemon only by its closed pipes',
    remedy: 'Install util-linux, e.g. apt install util-linux',
  }
}

function judgeClock({ now }: DoctorFacts): Verdict {
  const detail = new Date(now).toISOString()
  if (now >= CLOCK_EARLIEST && now <= CLOCK_LATEST) return { status: 'ok', detail }
  return { status: 'fail', detail: `the clock says ${detail}`, remedy: 'Set the clock: certificates and expiry times depend on it.' }
}

function judgeProxy({ proxies }: DoctorFacts): Verdict {
  const entries = Object.entries(proxies).filter(([name]) => !/^no_proxy$/i.test(name))
  if (entries.length === 0) return { status: 'ok', detail: 'none' }
  const broken = entries.find(([, value]) => !URL.canParse(value))
  if (broken) return { status: 'fail', detail: `${broken[0]} is not a URL`, remedy: 'Write it like http://proxy.example:3128' }
  return { status: 'ok', detail: entries.map(([name, value]) => `${name}=${withoutPassword(value)}`).join(', ') }
}

function withoutPassword(address: string): string {
  const url = new URL(address)
  url.username = ''
  url.password = ''
  return url.href
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`
}
