import { SomaError } from '@soma/core'
import type { Artifact, Download } from '@soma/spec'

/** Nothing is fetched: every artifact holds its bytes. */
export async function downloadReplicate({ path }: Artifact): Promise<Download> {
  throw new SomaError('source/not-found', `${path} is not at Replicate: it was written when the model was resolved`, { details: { path } })
}
