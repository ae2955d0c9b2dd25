import type { ModelScopeFiles } from './hub.ts'

const full = /^[0-9a-f]{40}$/

/**
 * The commit that a list of files is of. The hub names it in one of several fields, often only by its first eight digits; the
 * files name the commits that last changed them, and the newest of those is the same state of all that is there.
 */
export function commitOf({ Files, LatestCommitter }: ModelScopeFiles, asked: string): string | undefined {
  if (full.test(asked)) return asked
  const { Id = '', Revision = '', ShortId = '' } = LatestCommitter ?? {}
  const named = [Id, Revision].find((id) => full.test(id))
  if (named !== undefined) return named
  const revisions = (Files ?? []).filter((file) => full.test(file.Revision ?? ''))
  const head = revisions.find((file) => ShortId !== '' && file.Revision?.startsWith(ShortId))
  if (head !== undefined) return head.Revision
  if (/^[0-9a-f]{8,40}$/.test(ShortId)) return ShortId
  return revisions.toSorted((a, b) => (b.CommittedDate ?? 0) - (a.CommittedDate ?? 0))[0]?.Revision
}
