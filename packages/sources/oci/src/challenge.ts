import { CHALLENGE_LENGTH_MAX } from './limits.ts'

/** What a registry asks for in WWW-Authenticate. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service?: string; readonly scope?: string }

/** The first challenge of the header that can be answered (RFC 9110, section 11.6.1); Bearer before Basic. */
export function parseChallenge(header: string): Challenge | undefined {
  const challenges = split(header.slice(0, CHALLENGE_LENGTH_MAX))
  for (const { scheme, parameters } of challenges) {
    const { realm, service, scope } = parameters
    if (scheme === 'bearer' && realm !== undefined && URL.canParse(realm))
      return { scheme, realm, ...(service !== undefined && { service }), ...(scope !== undefined && { scope }) }
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined
}

interface RawChallenge {
  readonly scheme: string
  readonly parameters: Record<string, string>
}

function split(header: string): RawChallenge[] {
  const challenges: RawChallenge[] = []
  // Either `name=value`, with or without quotes, or a scheme's name.
  const pattern = /([a-z0-9._~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([a-z][a-z0-9-]*)(?=\s|,|$)/gi
  for (const [, name, quoted, plain, scheme] of header.matchAll(pattern)) {
    const current = challenges.at(-1)
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} })
    else if (name !== undefined && current) current.parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? ''
  }
  return challenges
}
