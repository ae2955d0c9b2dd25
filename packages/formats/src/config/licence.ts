import type { ByteReader } from '../reader.ts'
import { LICENCE_BYTES_MAX } from './limits.ts'

/** Lines by which a licence's text is known. The first row whose lines all stand in it counts, so the narrower ones come first. */
const texts: ReadonlyArray<readonly [string, ...string[]]> = [
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

/** How hubs write identifiers, and how SPDX does. What is not here has no SPDX identifier, or is written as in SPDX. */
const spdx: Readonly<Record<string, string>> = {
  'agpl-3.0': 'AGPL-3.0-only',
  'gpl-2.0': 'GPL-2.0-only',
  'gpl-3.0': 'GPL-3.0-only',
  'lgpl-2.1': 'LGPL-2.1-only',
  'lgpl-3.0': 'LGPL-3.0-only',
  unlicense: 'Unlicense',
  zlib: 'Zlib',
  'bsl-1.0': 'BSL-1.0',
  wtfpl: 'WTFPL',
  'artistic-2.0': 'Artistic-2.0',
  'bsd-3-clause-clear': 'BSD-3-Clause-Clear',
  'c-uda': 'C-UDA-1.0',
}
const known = new Map(Object.entries({ ...Object.fromEntries(texts.map(([id]) => [id.toLowerCase(), id])), ...spdx }))

/** An identifier as SPDX writes it, where it has one; else as it came: `apache-2.0` → `Apache-2.0`. */
export function spdxLicence(text: string): string {
  const trimmed = text.trim().slice(0, 1024)
  const id = known.get(trimmed.toLowerCase())
  if (id !== undefined) return id
  return /^(cc|mit|apache|bsd|mpl|epl|eupl|afl|ecl|isc|ms-pl|ncsa|ofl|odbl|pddl)[\w.-]*$/i.test(trimmed) ? upper(trimmed) : trimmed
}

function upper(id: string): string {
  return id.toUpperCase().replace('CLAUSE', 'Clause').replace('APACHE', 'Apache').replace(/^ODBL/, 'ODbL')
}

/** Which licence a LICENSE file holds, as an SPDX identifier or as hubs call it; null when it is none of the well-known ones. */
export async function readLicence(reader: ByteReader): Promise<string | null> {
  const bytes = await reader.read(0, Math.min(reader.sizeBytes, LICENCE_BYTES_MAX))
  const text = Buffer.from(bytes).toString().toLowerCase().replace(/\s+/g, ' ')
  return texts.find(([, ...lines]) => lines.every((line) => text.includes(line)))?.[0] ?? null
}
