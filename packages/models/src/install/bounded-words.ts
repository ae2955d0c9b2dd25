import type { Resolution, SearchHit } from '@soma/spec'
import {
  DESCRIPTION_LENGTH_MAX,
  HOMEPAGE_LENGTH_MAX,
  TASK_LENGTH_MAX,
  VERSION_LENGTH_MAX,
  WARNINGS_MAX,
  WORDS_LENGTH_MAX,
} from './limits.ts'

type Words = Partial<Pick<Resolution, 'licence' | 'description' | 'homepage' | 'task'>>

/** What a source says of a package in words, no longer than people read: records, lists and errors repeat it. */
export function withBoundedWords(found: Resolution): Resolution {
  const warnings = found.warnings?.slice(0, WARNINGS_MAX).map((warning) => cut(warning, WORDS_LENGTH_MAX))
  return { ...found, ...boundedWords(found), version: cut(found.version, VERSION_LENGTH_MAX), ...(warnings && { warnings }) }
}

/** The same of a hit. */
export function withBoundedHit(hit: SearchHit): SearchHit {
  const { title, formats } = hit
  return {
    ...hit,
    ...boundedWords(hit),
    title: cut(title, WORDS_LENGTH_MAX),
    ...(formats && { formats: formats.slice(0, WARNINGS_MAX).map((format) => cut(format, WORDS_LENGTH_MAX)) }),
  }
}

function boundedWords({ licence, description, homepage, task }: Words): Words {
  return {
    ...(licence !== undefined && { licence: cut(licence, WORDS_LENGTH_MAX) }),
    ...(description !== undefined && { description: cut(description, DESCRIPTION_LENGTH_MAX) }),
    ...(homepage !== undefined && { homepage: cut(homepage, HOMEPAGE_LENGTH_MAX) }),
    ...(task !== undefined && { task: cut(task, TASK_LENGTH_MAX) }),
  }
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`
}
