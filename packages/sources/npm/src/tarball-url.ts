import { badAnswer } from './errors.ts'
import type { RegistryQuery } from './packument.ts'

const PUBLIC_REGISTRY_HOST = 'registry.npmjs.org'

/**
 * Where the tarball is fetched. Mirrors often serve the public registry's index unchanged, so that by npm's
 * `replace-registry-host` rule a tarball there is taken from the configured registry instead.
 */
export function tarballUrl(tarball: string, { registry, options }: Pick<RegistryQuery, 'registry' | 'options'>): string {
  if (!/^https?:/.test(tarball) || !URL.canParse(tarball)) throw badAnswer(registry, 'a tarball’s address', undefined)
  const url = new URL(tarball)
  const replaced = options['replaceRegistryHost'] ?? 'npmjs'
  const host = replaced === 'npmjs' ? PUBLIC_REGISTRY_HOST : replaced
  if (replaced === 'never' || (replaced !== 'always' && url.hostname !== host) || url.origin === new URL(registry).origin) return tarball
  return new URL(url.pathname.slice(1) + url.search, registry).href
}
