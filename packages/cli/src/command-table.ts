import type { CommandModule } from './command.ts'

/** One command as --help lists it; its file is imported only when it is used. */
export interface CommandEntry {
  /** `model install`. */
  readonly path: string
  readonly summary: string
  readonly load: () => Promise<CommandModule>
  /** Heading it is listed under; `Commands:` when absent. */
  readonly group?: string
  /** Not listed. */
  readonly hidden?: boolean
}

/** A program: its name and what it can do. `soma` and `axon` are two of the same commands. */
export interface CommandTable {
  readonly name: 'soma' | 'axon'
  readonly description: string
  /** Whole command lines, for --help. */
  readonly examples: readonly string[]
  /** Groups of commands, in the order of --help. */
  readonly nouns: Readonly<Record<string, string>>
  readonly commands: readonly CommandEntry[]
}
