import { arch } from 'node:process'
import type { VariantChoice } from '@soma/spec'
import type { IndexEntry, OciIndex } from './manifest.ts'
import { TITLE } from './media-types.ts'

export interface Chosen {
  readonly digest: string
  /** Absent where there was nothing to choose. */
  readonly choice?: VariantChoice
}

/** Takes the entry for this kind of machine, else the first. Attestations, which build tools put beside images, are no models. */
export function chooseEntry({ manifests }: OciIndex, referenceOf: (digest: string) => string): Chosen | undefined {
  const entries = manifests.filter(({ annotations }) => annotations?.['vnd.docker.reference.type'] === undefined)
  const machine = arch === 'x64' ? 'amd64' : arch
  const fitting = entries.find(({ platform }) => platform?.architecture === machine)
  const chosen = fitting ?? entries[0]
  if (chosen === undefined) return undefined
  if (entries.length === 1) return { digest: chosen.digest }
  const options = entries.map((entry) => ({ name: nameOf(entry), reference: referenceOf(entry.digest) }))
  const reason = fitting ? `the one for ${machine}` : 'the first that the index names'
  return { digest: chosen.digest, choice: { chosen: nameOf(chosen), reason, options } }
}

function nameOf({ annotations, platform, digest }: IndexEntry): string {
  const { os, architecture } = platform ?? {}
  const machine = [os, architecture].filter((part) => part !== undefined && part !== 'unknown').join('/')
  return annotations?.['org.opencontainers.image.ref.name'] || annotations?.[TITLE] || machine || digest.slice(0, 19)
}
