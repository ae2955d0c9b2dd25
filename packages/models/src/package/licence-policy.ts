import { SomaError } from '@soma/core'
import { compilePattern } from './glob.ts'
import { LICENCE_DEPTH_MAX } from './limits.ts'

/** What SPDX writes where nobody says which licence holds; a pattern for it refuses such models. */
const UNKNOWN = 'NOASSERTION'

/**
 * Refuses a licence that the policy does not take. Of alternatives (`MIT OR GPL-3.0-only`) one that it takes is enough; of licences that
 * hold together (`AND`) it has to take all.
 * @param refused SPDX identifiers, or patterns with `*`; case does not count.
 * @throws {SomaError} `package/licence-refused`.
 */
export function checkLicence(licence: string | null, refused: readonly string[], model: string): void {
  const patterns = refused.map(compilePattern)
  const pattern = (id: string): string | undefined => refused[patterns.findIndex((matches) => matches(id))]
  if (!isRefused(licence ?? UNKNOWN, (id) => pattern(id) !== undefined)) return
  const shown = licence === null ? 'states no licence, which' : `is under ${JSON.stringify(licence)}, which`
  throw new SomaError(
    'package/licence-refused',
    `${model} ${shown} the policy of this machine refuses; soma config get install.licencesRefused shows what it says`,
    { details: { model, licence, refused: [...refused] } },
  )
}

/** Whether an SPDX expression leaves no way to take the model. */
export function isRefused(expression: string, refuses: (id: string) => boolean): boolean {
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const either = (depth: number): boolean => {
    let refused = both(depth)
    while (isWord(tokens[at], 'OR')) {
      at++
      // Read whether or not it matters, so that what follows is read from the right place.
      const other = both(depth)
      refused = refused && other
    }
    return refused
  }
  const both = (depth: number): boolean => {
    let refused = one(depth)
    while (isWord(tokens[at], 'AND')) {
      at++
      const other = one(depth)
      refused = refused || other
    }
    return refused
  }
  const one = (depth: number): boolean => {
    if (tokens[at] !== '(' || depth > LICENCE_DEPTH_MAX) return identifier()
    at++
    const refused = either(depth + 1)
    if (tokens[at] === ')') at++
    return refused
  }
  const identifier = (): boolean => {
    const begin = at
    while (at < tokens.length && tokens[at] !== ')' && !isWord(tokens[at], 'OR') && !isWord(tokens[at], 'AND')) at++
    const words = tokens.slice(begin, at)
    const exception = words.findIndex((word) => isWord(word, 'WITH'))
    // With its exception, or as it is without one.
    return refuses(words.join(' ')) || (exception > 0 && refuses(words.slice(0, exception).join(' ')))
  }
  const refused = either(0)
  // No expression after all: `other (see AND below`. The whole text is the name then.
  return refused || (at < tokens.length && refuses(expression))
}

function isWord(token: string | undefined, word: string): boolean {
  return token?.toUpperCase() === word
}
