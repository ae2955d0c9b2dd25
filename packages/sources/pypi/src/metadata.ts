import { LICENCE_LENGTH_MAX } from './limits.ts'

/** What people read of a project. */
export interface Described {
  readonly licence?: string
  readonly description?: string
  readonly homepage?: string
}

/** Reads a wheel's METADATA (PEP 566, 639): header lines until the first empty one; longer values go on in indented lines. */
export function parseMetadata(text: string): Described {
  const fields = headerFields(text)
  const licence = fields.get('license-expression')?.[0] ?? shortLicence(fields.get('license')?.[0])
  const description = fields.get('summary')?.[0]
  const homepage = fields.get('home-page')?.[0] ?? projectUrl(fields.get('project-url'))
  return {
    ...(licence !== undefined && { licence }),
    ...(description !== undefined && { description }),
    ...(homepage !== undefined && { homepage }),
  }
}

/** `UNKNOWN` is what old setuptools wrote for what was not given. */
function headerFields(text: string): Map<string, string[]> {
  const head = text.split(/\r?\n\r?\n/, 1)[0] ?? ''
  const fields = new Map<string, string[]>()
  for (const line of head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line)
    const [, name = '', value = ''] = match ?? []
    if (value === '' || value === 'UNKNOWN') continue
    fields.set(name.toLowerCase(), [...(fields.get(name.toLowerCase()) ?? []), value])
  }
  return fields
}

function shortLicence(text: string | undefined): string | undefined {
  return text !== undefined && text.length <= LICENCE_LENGTH_MAX ? text : undefined
}

/** `Homepage, https://…` */
function projectUrl(urls: readonly string[] = []): string | undefined {
  const homepage = urls.find((url) => /^home[- ]?page\s*,/i.test(url))
  return homepage?.slice(homepage.indexOf(',') + 1).trim()
}
