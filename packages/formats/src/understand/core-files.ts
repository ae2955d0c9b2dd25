import { checkShard, checkShardFiles, readShardIndex } from '../safetensors/shard-index.ts'
import { groupShards, isShard } from './groups.ts'
import { type Package, parentOf } from './package.ts'
import type { Recognition } from './types.ts'

/**
 * The files that a model cannot be without: those with a role, the other parts of models in several files, their index, and what
 * the files themselves name.
 * @throws {SomaError} `package/no-model` for one that is missing; what reading them throws.
 */
export async function coreFiles(pkg: Package, { roles }: Recognition): Promise<Set<string>> {
  const core = new Set(Object.values(roles))
  for (const path of Object.values(roles)) {
    const parts = partsOf(pkg, path)
    for (const part of parts) {
      core.add(part)
      for (const companion of (await pkg.facts(part))?.companions ?? []) core.add(companion)
    }
    const index = await checkIndex(pkg, path, parts)
    if (index !== undefined) core.add(index)
  }
  return core
}

function partsOf(pkg: Package, path: string): readonly string[] {
  if (!isShard(path)) return [path]
  const same = [...pkg.files.keys()].filter((other) => parentOf(other) === parentOf(path) && isShard(other))
  return groupShards(same).find(({ paths }) => paths.includes(path))?.paths ?? [path]
}

/** `model.safetensors.index.json` beside `model-00001-of-00002.safetensors`. */
async function checkIndex(pkg: Package, path: string, parts: readonly string[]): Promise<string | undefined> {
  const indexPath = path.replace(/[-_.]\d{5}-of-\d{5}(\.[^./]+)$/, '$1.index.json')
  if (parts.length < 2 || indexPath === path || !pkg.has(indexPath)) return undefined
  const index = await pkg.read(indexPath, readShardIndex)
  checkShardFiles(index, (file) => pkg.has(file))
  for (const part of parts) {
    const header = (await pkg.facts(part))?.header
    if (header) checkShard(index, part, header)
  }
  return indexPath
}
