import { parseJson } from '@soma/core'
import { splitAssignment } from './read.ts'

type Json = string | number | boolean | null

/** An engine's setting as `name=value`: `4096`, `true`, `["a"]` as JSON, anything else as a text; no value is null. */
export function parseSetting(word: string): [name: string, value: Json] {
  const { name, value } = splitAssignment(word)
  if (value === '') return [name, null]
  try {
    return [name, parseJson(value) as Json]
  } catch {
    return [name, value]
  }
}
