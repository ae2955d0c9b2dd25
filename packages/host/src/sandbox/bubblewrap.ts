import type { CommandLine } from '../lifeline.ts'

/** What a confined process may see besides the system's programs and libraries. */
export interface SandboxFolders {
  /** Absolute paths that it may read; those that do not exist are left out. */
  readonly readOnly: readonly string[]
  /** Absolute paths of folders that it may write to; they are made when they are missing. */
  readonly writable: readonly string[]
}

export const noFolders: SandboxFolders = { readOnly: [], writable: [] }

/** Programs, libraries, and what the loader, fonts and clocks need of /etc; nothing that holds names or keys of this machine. */
const system = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/opt/rocm', '/nix/store', '/gnu/store']
const settings = [
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/alternatives',
  '/etc/fonts',
  '/etc/localtime',
  '/etc/vulkan',
  '/etc/OpenCL',
]
/** Accelerators and what their libraries ask about them. */
const devices = ['/dev/dri', '/dev/kfd', '/dev/accel', '/dev/dxg']
const nvidia = [
  'nvidiactl',
  'nvidia-uvm',
  'nvidia-uvm-tools',
  'nvidia-modeset',
  'nvidia-caps',
  ...Array.from({ length: 16 }, (_, index) => `nvidia${index}`),
]

/**
 * A command line that runs another one in bubblewrap: no network, no other processes, no home, a private /tmp in memory,
 * no capabilities, everything read-only but what is named. It dies with whoever started it. Pure.
 */
export function bubblewrap(command: CommandLine, { readOnly, writable }: SandboxFolders): CommandLine {
  const bind = (option: string, paths: readonly string[]): string[] => paths.flatMap((path) => [option, path, path])
  return [
    'bwrap',
    '--die-with-parent',
    // User, process, network, message and host name spaces, and control groups where the kernel has those.
    '--unshare-all',
    '--cap-drop',
    'ALL',
    '--hostname',
    'soma',
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    ...bind('--dev-bind-try', [...devices, ...nvidia.map((name) => `/dev/${name}`)]),
    '--tmpfs',
    '/tmp',
    ...bind('--ro-bind-try', [...system, ...settings, '/sys', ...readOnly]),
    ...bind('--bind', writable),
    '--setenv',
    'HOME',
    '/tmp',
    '--setenv',
    'TMPDIR',
    '/tmp',
    '--unsetenv',
    'XDG_CACHE_HOME',
    '--chdir',
    '/tmp',
    '--',
    ...command,
  ]
}
