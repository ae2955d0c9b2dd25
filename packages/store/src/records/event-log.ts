import type { SomaEvent } from '@soma/spec'

export type EventWrite = Omit<SomaEvent, 'seq'>

/** The last events, kept for late subscribers. */
export interface EventLog {
  readonly lastSeq: number
  /** Events with `seq > afterSeq`, oldest first. */
  read(options: { readonly afterSeq: number; readonly limit: number }): SomaEvent[]
}
