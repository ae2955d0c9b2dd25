import { parseDocument } from 'yaml'

/**
 * Reads small YAML from outside as plain data; no aliases, which can make a small text large. Its own check for duplicate keys
 * compares each with all before it, so that it is left out: the last one wins.
 * @throws {Error} for anything else.
 */
export function readYaml(bytes: Uint8Array): unknown {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  const document = parseDocument(text, { schema: 'core', merge: false, resolveKnownTags: false, stringKeys: true, uniqueKeys: false })
  const [fault] = document.errors
  if (fault) throw fault
  return document.toJS({ maxAliasCount: 0 })
}
