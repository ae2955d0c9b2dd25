import { isSomaError, parseJson } from '@soma/core'
import { invalidModel } from '../invalid-model.ts'
import type { ByteReader } from '../reader.ts'

/** A JSON document from outside, of which only a part is looked at. */
export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Reads a JSON object.
 * @param bytesMax refused before the first byte is read.
 * @throws {SomaError} `package/invalid-model`.
 */
export async function readJsonObject(reader: ByteReader, bytesMax: number): Promise<JsonObject> {
  const { name, sizeBytes } = reader
  if (sizeBytes > bytesMax) throw invalidModel(name, 0, `JSON of at most ${bytesMax} bytes`, sizeBytes)
  const value = parse(await reader.read(0, sizeBytes), name)
  if (!isObject(value)) throw invalidModel(name, 0, 'a JSON object', 'something else')
  return value
}

function parse(bytes: Uint8Array, name: string): unknown {
  try {
    return parseJson(bytes, name)
  } catch (error) {
    if (isSomaError(error)) throw invalidModel(name, 0, 'JSON', error.message)
    throw error
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  return isObject(value) ? value : {}
}

/** The first of the keys whose value is a text that says something. */
export function textAt(object: JsonObject, ...keys: readonly string[]): string | null {
  const value = keys.map((key) => object[key]).find((value) => typeof value === 'string' && value.trim() !== '')
  return typeof value === 'string' ? value : null
}

/** The first of the keys whose value is a count. */
export function countAt(object: JsonObject, ...keys: readonly string[]): number | null {
  const value = keys.map((key) => object[key]).find((value) => Number.isSafeInteger(value) && (value as number) >= 0)
  return typeof value === 'number' ? value : null
}

/** The texts of a list, or of a text alone; others are left out. */
export function textsAt(object: JsonObject, key: string): string[] {
  const value = object[key]
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.filter((item): item is string => typeof item === 'string' && item.trim() !== '')
}

export function listAt(object: JsonObject, key: string): readonly unknown[] {
  const value = object[key]
  return Array.isArray(value) ? value : []
}
