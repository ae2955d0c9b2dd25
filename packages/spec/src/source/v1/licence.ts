/** Hubs write licences in lower case; SPDX identifiers have letters of both. What is no SPDX licence keeps the hub's name. */
const spdx = new Map(
  (
    'Apache-2.0 MIT MIT-0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 ISC Zlib Unlicense WTFPL PostgreSQL NCSA OFL-1.1 ' +
    'AFL-3.0 Artistic-2.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 MPL-2.0 MS-PL LPPL-1.3c OSL-3.0 ODbL-1.0 ODC-By-1.0 PDDL-1.0 ' +
    'AGPL-3.0 GPL-2.0 GPL-3.0 LGPL-2.1 LGPL-3.0 CC0-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 ' +
    'CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-ND-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 ' +
    'CC-BY-NC-SA-4.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0'
  )
    .split(' ')
    .map((id) => [id.toLowerCase(), id]),
)

/** Spellings of hubs that are not just another case. */
const aliases: Readonly<Record<string, string>> = {
  'apache license 2.0': 'Apache-2.0',
  'apache 2.0': 'Apache-2.0',
  apache2: 'Apache-2.0',
  'mit license': 'MIT',
  'odc-by': 'ODC-By-1.0',
  odbl: 'ODbL-1.0',
  pddl: 'PDDL-1.0',
}

/** A hub's name of a licence as SPDX writes it, else as it is; undefined for what hubs write when they know none. */
export function licenceOf(name: string | undefined): string | undefined {
  const text = name?.trim() ?? ''
  if (/^(|unknown|none|no license)$/i.test(text)) return undefined
  return aliases[text.toLowerCase()] ?? spdx.get(text.toLowerCase()) ?? text
}

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
