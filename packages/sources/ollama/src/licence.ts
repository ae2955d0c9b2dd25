import { licenceOf } from '@soma/spec'

/** Titles of the texts that models come with. */
const titles: ReadonlyArray<readonly [RegExp, string]> = [
  [/apache license\s+version 2\.0/i, 'Apache-2.0'],
  [/^\W*(the )?mit license|permission is hereby granted, free of charge/i, 'MIT'],
  [/redistribution and use in source and binary forms[\s\S]*neither the name/i, 'BSD-3-Clause'],
  [/attribution-noncommercial 4\.0 international/i, 'CC-BY-NC-4.0'],
  [/attribution 4\.0 international/i, 'CC-BY-4.0'],
  [/gnu affero general public license\s+version 3/i, 'AGPL-3.0'],
  [/gnu general public license\s+version 3/i, 'GPL-3.0'],
]
const TITLE_LENGTH_MAX = 100

/** The SPDX identifier of a licence's text, else its first line; undefined when that says nothing. */
export function licenceOfText(text: string): string | undefined {
  const known = titles.find(([pattern]) => pattern.test(text.slice(0, 4096)))
  if (known) return known[1]
  const title = text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '')
  return title !== undefined && title.length <= TITLE_LENGTH_MAX && /licen[cs]e|terms|agreement/i.test(title) ? licenceOf(title) : undefined
}
