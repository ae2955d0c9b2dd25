/** Identifiers as SPDX writes them; hubs write them in lower case. */
const identifiers =
  'Apache-2.0 MIT MIT-0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 ISC Zlib Unlicense WTFPL PostgreSQL NCSA OFL-1.1 ' +
  'AFL-3.0 Artistic-2.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 MPL-2.0 MS-PL LPPL-1.3c OSL-3.0 ODbL-1.0 ODC-By-1.0 PDDL-1.0 C-UDA-1.0 ' +
  'AGPL-3.0-only GPL-2.0-only GPL-3.0-only LGPL-2.1-only LGPL-3.0-only AGPL-3.0-or-later GPL-2.0-or-later GPL-3.0-or-later ' +
  'LGPL-2.1-or-later LGPL-3.0-or-later CC0-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0'

/** Spellings that are not just another case. */
const spellings: Readonly<Record<string, string>> = {
  'apache license 2.0': 'Apache-2.0',
  'apache 2.0': 'Apache-2.0',
  apache2: 'Apache-2.0',
  'mit license': 'MIT',
  'odc-by': 'ODC-By-1.0',
  odbl: 'ODbL-1.0',
  pddl: 'PDDL-1.0',
  'c-uda': 'C-UDA-1.0',
  // SPDX has given these names up, because they left open whether a later version would do.
  'agpl-3.0': 'AGPL-3.0-only',
  'gpl-2.0': 'GPL-2.0-only',
  'gpl-3.0': 'GPL-3.0-only',
  'lgpl-2.1': 'LGPL-2.1-only',
  'lgpl-3.0': 'LGPL-3.0-only',
}
const known = new Map([...identifiers.split(' ').map((id) => [id.toLowerCase(), id] as const), ...Object.entries(spellings)])

/** A licence's name as SPDX writes it, where it has one, else as it is; undefined for what hubs write when they know none. */
export function licenceOf(name: string | undefined): string | undefined {
  const text = name?.trim() ?? ''
  if (/^(|unknown|none|no license)$/i.test(text)) return undefined
  if (/^cc-by(-nc)?(-sa|-nd)?-\d\.\d$/i.test(text)) return text.toUpperCase()
  return known.get(text.toLowerCase()) ?? text
}

/** What stands in a licence's text. The first row of which all stands in it counts, so the narrower ones come first. */
const texts: ReadonlyArray<readonly [id: string, ...words: string[]]> = [
  // It names the next three as licences that it goes together with.
  ['MPL-2.0', 'mozilla public license', '2.0'],
  ['Apache-2.0', 'apache license', 'version 2.0, january 2004'],
  ['Apache-2.0', 'licensed under the apache license, version 2.0'],
  ['AGPL-3.0-only', 'gnu affero general public license', 'version 3'],
  ['LGPL-3.0-only', 'gnu lesser general public license', 'version 3'],
  ['LGPL-2.1-only', 'gnu lesser general public license', 'version 2.1'],
  ['GPL-3.0-only', 'gnu general public license', 'version 3'],
  ['GPL-2.0-only', 'gnu general public license', 'version 2'],
  ['BSD-3-Clause', 'redistribution and use in source and binary forms', 'neither the name of'],
  ['BSD-2-Clause', 'redistribution and use in source and binary forms'],
  [
    'MIT',
    'permission is hereby granted, free of charge, to any person obtaining a copy',
    'the above copyright notice and this permission notice',
  ],
  ['CC-BY-NC-SA-4.0', 'attribution-noncommercial-sharealike 4.0'],
  ['CC-BY-NC-ND-4.0', 'attribution-noncommercial-noderivatives 4.0'],
  ['CC-BY-NC-4.0', 'attribution-noncommercial 4.0'],
  ['CC-BY-SA-4.0', 'attribution-sharealike 4.0'],
  ['CC-BY-ND-4.0', 'attribution-noderivatives 4.0'],
  ['CC-BY-4.0', 'attribution 4.0 international'],
  ['CC0-1.0', 'cc0 1.0 universal'],
  ['Unlicense', 'this is free and unencumbered software released into the public domain'],
  ['bigscience-bloom-rail-1.0', 'bigscience rail license'],
  ['creativeml-openrail-m', 'creativeml open rail-m'],
  ['openrail++', 'creativeml open rail++-m'],
  ['bigcode-openrail-m', 'bigcode open rail-m'],
  ['llama4', 'llama 4 community license agreement'],
  ['llama3.3', 'llama 3.3 community license agreement'],
  ['llama3.2', 'llama 3.2 community license agreement'],
  ['llama3.1', 'llama 3.1 community license agreement'],
  ['llama3', 'meta llama 3 community license agreement'],
  ['llama2', 'llama 2 community license agreement'],
  ['gemma', 'gemma terms of use'],
]
const TITLE_LENGTH_MAX = 100

/** The licence that a text is, as SPDX or else hubs call it; undefined when it is none of the well-known ones. */
export function knownLicenceOfText(text: string): string | undefined {
  const plain = text.toLowerCase().replaceAll(/\s+/g, ' ')
  return texts.find(([, ...words]) => words.every((word) => plain.includes(word)))?.[0]
}

/** The same; of another licence its first line; undefined when that says nothing. */
export function licenceOfText(text: string): string | undefined {
  const title = text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '')
  const isTitle = title !== undefined && title.length <= TITLE_LENGTH_MAX && /licen[cs]e|terms|agreement/i.test(title)
  return knownLicenceOfText(text) ?? (isTitle ? licenceOf(title) : undefined)
}
