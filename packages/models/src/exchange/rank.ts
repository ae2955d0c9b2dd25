import type { SearchHit } from '@soma/spec'
import { type Fit, type Machine, fitOf } from './fit.ts'

/** A hit, where it was found, and what it is worth. */
export interface RankedHit {
  readonly hit: SearchHit
  readonly source: string
  readonly fit: Fit
  /** What it was ranked by; larger is better. */
  readonly score: Score
}

/** The parts of a score, in the words of a reader: the sum decides. */
export interface Score {
  /** 4: it is called that. 3: its name begins so. 2: all words are in its name. 1: all words are in its name or text. */
  readonly text: number
  /** 1 where it runs here, 0 where it does not, between where nobody knows. */
  readonly runs: number
  /** 0 to 1, by the logarithm: ten times the downloads are an eighth more, up to a hundred million. */
  readonly downloads: number
}

const RUNS = { yes: 1, unknown: 0.5, no: 0 } as const
const DOWNLOADS_LOG_MAX = 8

/**
 * Merges what several sources found: each reference once, best first. A better fit of the name counts more than running here and
 * being popular together can, one step less than two of them. Equals keep the order in which their sources gave them, in turn.
 */
export function rankHits(found: ReadonlyMap<string, readonly SearchHit[]>, query: string, machine: Machine): RankedHit[] {
  const words = wordsOf(query)
  const ranked = interleave(found).map(({ hit, source }): RankedHit => {
    const fit = fitOf(hit, machine)
    const { downloads = 0 } = hit
    return {
      hit,
      source,
      fit,
      score: {
        text: textScore(hit, words),
        runs: RUNS[fit.runs],
        downloads: Math.min(1, Math.log10(Math.max(0, downloads) + 1) / DOWNLOADS_LOG_MAX),
      },
    }
  })
  // Sorting is stable.
  return ranked.sort((a, b) => total(b) - total(a))
}

function total({ score }: RankedHit): number {
  return score.text + score.runs + score.downloads
}

/** The first of each source, then the second of each, …; a reference that two name is the first one's. */
function interleave(found: ReadonlyMap<string, readonly SearchHit[]>): Array<{ readonly hit: SearchHit; readonly source: string }> {
  const merged = new Map<string, { readonly hit: SearchHit; readonly source: string }>()
  const longest = Math.max(0, ...Array.from(found.values(), ({ length }) => length))
  for (let index = 0; index < longest; index++)
    for (const [source, hits] of found) {
      const hit = hits[index]
      if (hit && !merged.has(hit.reference)) merged.set(hit.reference, { hit, source })
    }
  return [...merged.values()]
}

function textScore({ reference, title, description = '' }: SearchHit, words: readonly string[]): number {
  const names = [title, reference.slice(reference.indexOf('/') + 1), title.split('/').at(-1) ?? ''].map((name) => wordsOf(name).join(' '))
  const query = words.join(' ')
  if (names.includes(query)) return 4
  if (names.some((name) => name.startsWith(query))) return 3
  const holds = (text: string): boolean => words.every((word) => text.includes(word))
  if (holds(names.join(' '))) return 2
  return holds(`${names.join(' ')} ${description.toLowerCase()}`) ? 1 : 0
}

/** `BERT-base_uncased` and `bert base uncased` are the same words. */
function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}.]+/u)
    .filter((word) => word !== '')
}
