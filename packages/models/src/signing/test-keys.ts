import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import type { KnownKey } from './key-ring.ts'
import { type NewKeyAlgorithm, type SigningKey, createPrivateKeys, openSigningKey } from './private-keys.ts'

/** Keys in a folder of their own. */
export class TestKeys implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'soma-keys-'))

  constructor() {
    for (const folder of ['keys', 'tmp']) mkdirSync(join(this.directory, folder))
  }

  create(
    name: string,
    options: { readonly algorithm?: NewKeyAlgorithm; readonly trusted?: boolean } = {},
  ): KnownKey & { readonly signing: SigningKey } {
    const { algorithm = 'hybrid', trusted = true } = options
    const publicKeys = createPrivateKeys(this, algorithm)
    return { ...publicKeys, name, trusted, canSign: true, createdAt: 0, signing: openSigningKey(this, { id: publicKeys.id, name }) }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** The digests of some files, by path. */
export function digestsOf(files: Readonly<Record<string, string>>): Map<string, string> {
  return new Map(Object.entries(files).map(([path, text]) => [path, createHash('sha256').update(text).digest('hex')]))
}
