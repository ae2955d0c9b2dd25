import type { Knowledge, Manifest } from '@soma/spec'

type Requirements = NonNullable<Manifest['spec']['requirements']>

/** Axon states memory and storage in gigabytes. */
const GIGABYTE = 1e9

/**
 * What the files say a model needs, as Axon's manifests have it: `compute.memory.min_gb` for the shortest context, `recommended_gb` for the
 * longest, `storage.disk_gb`. What a manifest brought stays.
 */
export function withRequirements({ memory, diskBytes }: Knowledge['requirements'], brought: Requirements | undefined): Requirements {
  const bytes = memory.map((entry) => entry.bytes)
  const compute = objectOf(brought?.['compute'])
  return {
    storage: { disk_gb: gigabytes(diskBytes) },
    ...brought,
    compute: {
      ...(bytes.length > 0 && { memory: { min_gb: gigabytes(Math.min(...bytes)), recommended_gb: gigabytes(Math.max(...bytes)) } }),
      ...compute,
    },
  }
}

/** Up to the next thousandth: small models need little, but not nothing. */
function gigabytes(bytes: number): number {
  return Math.ceil((bytes / GIGABYTE) * 1000) / 1000
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
