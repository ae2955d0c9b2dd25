/** A process, as far as it says which program it is. */
export interface ProcessName {
  readonly pid: number
  /** The kernel's name: at most 15 characters. */
  readonly name: string
  /** Its command line, program first; empty for threads of the kernel. */
  readonly args: readonly string[]
}

/** Tells whether a process is one of the programs looked for. */
export type ProgramMatcher = (process: ProcessName) => boolean

/**
 * Matches programs by name, without regard to case; `*` stands for any characters: `blender`, `*-shipping.exe`. Further
 * words must occur among the arguments: `reaper SteamLaunch`.
 */
export function matchPrograms(patterns: readonly string[]): ProgramMatcher {
  const wanted = patterns.flatMap((pattern) => {
    const [program, ...words] = pattern.trim().split(/\s+/)
    return program === undefined || program === '' ? [] : [{ program: toRegExp(program), words: words.map((word) => toRegExp(word)) }]
  })
  return ({ name, args }) => {
    const names = [name, baseName(args[0] ?? '')]
    return wanted.some(
      ({ program, words }) => names.some((own) => program.test(own)) && words.every((word) => args.some((arg) => word.test(arg))),
    )
  }
}

/** Of a Windows program under Wine, too: its first argument is `Z:\games\x.exe`. */
function baseName(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? ''
}

function toRegExp(glob: string): RegExp {
  return new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    'i',
  )
}
