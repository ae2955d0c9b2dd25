import { posix } from 'node:path'
import { SomaError } from '@soma/core'
import { PACKAGE_FILES_MAX, checkPackagePath } from '@soma/spec'
import { invalidModel, quote } from '../invalid-model.ts'
import { JsonScanner } from '../json/json-scanner.ts'
import type { ByteReader } from '../reader.ts'
import { SAFETENSORS_INDEX_BYTES_MAX, SAFETENSORS_TENSORS_MAX } from './limits.ts'
import type { SafetensorsHeader } from './safetensors-header.ts'

/** `model.safetensors.index.json`: which file holds which tensors. */
export interface ShardIndex {
  /** Path of the index inside the package. */
  readonly path: string
  /** Path inside the package → names of the tensors in that file. */
  readonly files: ReadonlyMap<string, ReadonlySet<string>>
  /** Bytes of all tensors, when the index says so. */
  readonly totalBytes: number | null
}

/** Whether a path is that of an index of shards, by its ending. */
export function isShardIndexPath(path: string): boolean {
  return path.toLowerCase().endsWith('.safetensors.index.json')
}

/**
 * Reads an index of shards.
 * @param reader whose name is the file's path inside the package.
 * @throws {SomaError} `package/invalid-model` with the offset; `package/unsafe-path` for a file outside the index's folder.
 */
export async function readShardIndex(reader: ByteReader): Promise<ShardIndex> {
  const { name: path, sizeBytes } = reader
  if (sizeBytes > SAFETENSORS_INDEX_BYTES_MAX)
    throw invalidModel(path, 0, `an index of at most ${SAFETENSORS_INDEX_BYTES_MAX} bytes`, sizeBytes)
  const json = new JsonScanner(await reader.read(0, sizeBytes), { name: path, offset: 0 })
  const shards = new Shards(json, path)
  let totalBytes: number | null = null
  let isIndex = false
  json.object((key) => {
    if (key === 'weight_map') {
      isIndex = true
      json.object((tensor, at) => shards.add(tensor, at))
    } else if (key === 'metadata' && json.isObject()) {
      json.object((entry) => {
        if (entry === 'total_size') totalBytes = json.countOrNull()
        else json.skip()
      })
    } else json.skip()
  })
  json.end()
  if (!isIndex) throw json.invalid('a weight_map', 'none')
  return { path, files: shards.files, totalBytes }
}

class Shards {
  readonly files = new Map<string, Set<string>>()
  readonly #json: JsonScanner
  readonly #folder: string
  #tensors = 0

  constructor(json: JsonScanner, path: string) {
    this.#json = json
    this.#folder = posix.dirname(path)
  }

  /** Takes the file that `tensor` is in. */
  add(tensor: string, at: number): void {
    const path = posix.join(this.#folder, checkPackagePath(this.#json.string()))
    const names = this.files.get(path) ?? new Set()
    this.files.set(path, names.add(tensor))
    if (++this.#tensors > SAFETENSORS_TENSORS_MAX) throw this.#json.invalid(`at most ${SAFETENSORS_TENSORS_MAX} tensors`, 'more', at)
    if (this.files.size > PACKAGE_FILES_MAX) throw this.#json.invalid(`at most ${PACKAGE_FILES_MAX} files`, 'more', at)
  }
}

/** @throws {SomaError} `package/no-model` when a file that the index names is not in the package. */
export function checkShardFiles(index: ShardIndex, has: (path: string) => boolean): void {
  const missing = [...index.files.keys()].filter((path) => !has(path))
  if (missing.length === 0) return
  throw new SomaError(
    'package/no-model',
    `${index.path} names ${missing.slice(0, 3).map(quote).join(', ')}, which the package does not hold`,
    {
      details: { model: index.path, missing: missing.slice(0, 10) },
    },
  )
}

/** @throws {SomaError} `package/invalid-model` when a file lacks a tensor that the index says is in it. */
export function checkShard(index: ShardIndex, path: string, header: SafetensorsHeader): void {
  const names = new Set(header.tensors.map(({ name }) => name))
  for (const name of index.files.get(path) ?? [])
    if (!names.has(name)) throw invalidModel(path, 0, `the tensor ${quote(name)}, which ${index.path} says is in it`, 'no such tensor')
}
