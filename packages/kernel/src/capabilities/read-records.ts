import type { Log } from '@soma/core'
import type { Store } from '@soma/store'
import type { z } from 'zod'

export interface ReadRecords<Value> {
  readonly sound: ReadonlyMap<string, Value>
  /** Keys of those that are not what was written. */
  readonly damaged: readonly string[]
}

/** All records of a kind. One that is damaged is named in the log and left out: a flipped bit must not keep the daemon from starting. */
export function readRecords<Schema extends z.ZodType>(
  { store, log }: { readonly store: Store; readonly log: Log },
  kind: string,
  schema: Schema,
): ReadRecords<z.output<Schema>> {
  const sound = new Map<string, z.output<Schema>>()
  const damaged: string[] = []
  for (const row of store.records.scan(kind)) {
    const parsed = 'corrupt' in row ? undefined : schema.safeParse(row.value)
    if (parsed?.success) sound.set(row.key, parsed.data)
    else damaged.push(row.key)
  }
  for (const key of damaged) log.error('a record is damaged and left out; soma audit verify says more', { record: `${kind}/${key}` })
  return { sound, damaged }
}
