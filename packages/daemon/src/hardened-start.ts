import type { Config } from '@soma/spec'

/** What a process forgets with: any value but 0, which is what the C library has without. */
const FORGETFUL = { MALLOC_PERTURB_: '165', GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0' }
/** Says that a process was started this way; not in the environment, which children get. */
const MARK = '--clear-free-memory'

/**
 * The environment in which glibc overwrites memory as it is freed, Python's own allocator included. Costs two writes of
 * each buffer.
 */
export function forgetfulEnvironment({ engines }: Pick<Config, 'engines'>): Readonly<Record<string, string>> {
  return engines.scrub ? { ...FORGETFUL, PYTHONMALLOC: 'malloc' } : {}
}

export interface StartFacts {
  readonly platform: string
  readonly execPath: string
  /** Flags of Node, then script and arguments. */
  readonly execArgv: readonly string[]
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * How this process must be started anew so that it forgets what it was told: the C library overwrites freed memory, V8
 * clears what it collects, and no core file is written. Undefined when it was, when nobody asks for it, and where
 * there is no /bin/sh.
 */
export function hardenedStart(
  { engines }: Pick<Config, 'engines'>,
  { platform, execPath, execArgv, args, env }: StartFacts,
): { readonly file: string; readonly args: string[]; readonly env: Record<string, string> } | undefined {
  if (!engines.scrub || platform === 'win32' || execArgv.includes(MARK)) return undefined
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return {
    file: '/bin/sh',
    args: ['sh', '-c', 'ulimit -c 0; exec "$0" "$@"', execPath, '--expose-gc', MARK, ...execArgv, ...args],
    env: { ...Object.fromEntries(kept), ...FORGETFUL },
  }
}
