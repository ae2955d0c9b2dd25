import { abortError, untilAborted } from '@soma/core'
import type { Artifact } from '@soma/spec'
import type { StoredBlob } from '@soma/store'
import type { TransferListener } from './chunk-fetch.ts'
import type { InstallContext } from './deps.ts'
import { LOCAL_FILES_PARALLEL, PROGRESS_INTERVAL_MS } from './limits.ts'
import { takeHere } from './take-here.ts'
import type { Target } from './resolve.ts'
import { Semaphore } from './semaphore.ts'
import type { Transfer } from './transfer.ts'

/** An artifact whose bytes are on this disk, whole and as promised. */
export interface Fetched {
  readonly artifact: Artifact
  /** The file with the bytes: the user's own, a blob, or a partial download. */
  readonly path: string
  readonly sizeBytes: number
  /** What is a blob already, leased by the install. */
  readonly blob?: StoredBlob
  /** Absent for what was here before. */
  readonly transfer?: Transfer
}

/**
 * Brings all artifacts here, several at once; what is on this disk already is not fetched. The first failure ends the others; what
 * they have so far stays for the next attempt.
 * @throws {SomaError} what the source throws after all retries; `package/hash-mismatch`, `package/size-mismatch`, `store/disk-full`.
 */
export async function fetchArtifacts(context: InstallContext, target: Target): Promise<readonly Fetched[]> {
  const stop = new AbortController()
  const inner = { ...context, signal: AbortSignal.any([context.signal, stop.signal]) }
  const places = new Semaphore(() => LOCAL_FILES_PARALLEL)
  const fetched = new Map<Artifact, Fetched>()
  const { artifacts } = target.resolution
  const fetchOne = async (artifact: Artifact): Promise<void> => {
    try {
      // How many are fetched at once is decided where the downloads of all installs are known.
      fetched.set(artifact, (await takeHere(inner, artifact, places)) ?? (await fetchRemote(inner, target, artifact)))
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }
  await Promise.allSettled(artifacts.map(fetchOne))
  if (context.signal.aborted) throw abortError(context.signal)
  if (stop.signal.aborted) throw stop.signal.reason
  return artifacts.flatMap((artifact) => fetched.get(artifact) ?? [])
}

async function fetchRemote(context: InstallContext, { source }: Target, artifact: Artifact): Promise<Fetched> {
  const { downloads, signal, held } = context
  const shared = await downloads.join(source, artifact, { listener: progressReporter(context, artifact), signal })
  held.use(shared)
  const { transfer } = shared
  // A transfer may be shared, and then goes on for others when this caller gives up.
  const { path, sizeBytes } = await untilAborted(transfer.complete, signal)
  return { artifact, transfer, path, sizeBytes }
}

/** Reports at most every `PROGRESS_INTERVAL_MS`, and always the last state. */
function progressReporter({ deps, report }: InstallContext, { path }: Artifact): TransferListener {
  let nextAt = 0
  return {
    progress: ({ receivedBytes, resumedBytes, sizeBytes }) => {
      const now = deps.clock.monotonic()
      if (now < nextAt && receivedBytes !== sizeBytes) return
      nextAt = now + PROGRESS_INTERVAL_MS
      report({ type: 'download', path, receivedBytes, sizeBytes, resumedBytes })
    },
    retry: ({ attempt, delayMs, reason }) => report({ type: 'retry', path, attempt, delayMs, reason }),
  }
}
