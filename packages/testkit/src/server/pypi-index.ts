import { createHash } from 'node:crypto'
import type { ServedFile, ServedRequest } from './served-file.ts'

export interface PypiFile {
  readonly bytes: Uint8Array
  readonly requiresPython?: string
  /** True, or the reason. */
  readonly yanked?: boolean | string
  /** The wheel's METADATA, served beside it (PEP 658). */
  readonly metadata?: string
}

export interface PypiIndexOptions {
  /** Where on the server, without a slash at the end: `/simple`. */
  readonly at: string
  /** `html` knows only PEP 503, as older mirrors do. */
  readonly format?: 'json' | 'html'
  readonly authorization?: string
}

type Projects = Readonly<Record<string, Readonly<Record<string, PypiFile>>>>

/** Files for `createFaultyServer` that look like a package index (PEP 691 or 503). `projects`: normalised name → file name → file. */
export function pypiIndex(projects: Projects, options: PypiIndexOptions): Record<string, ServedFile> {
  const auth = options.authorization === undefined ? {} : { authorization: options.authorization }
  const served: Record<string, ServedFile> = {}
  for (const [project, files] of Object.entries(projects)) {
    served[`${options.at}/${project}/`] = { ...auth, ...(options.format === 'html' ? htmlPage(files) : jsonPage(project, files)) }
    for (const [name, file] of Object.entries(files)) {
      served[`/files/${name}`] = { ...auth, body: file.bytes }
      if (file.metadata !== undefined) served[`/files/${name}.metadata`] = { ...auth, body: file.metadata }
    }
  }
  return served
}

function jsonPage(project: string, files: Projects[string]): ServedFile {
  const entry =
    ({ origin }: ServedRequest) =>
    ([name, file]: [string, PypiFile]) => ({
      filename: name,
      url: `${origin}/files/${name}`,
      size: file.bytes.byteLength,
      hashes: { sha256: sha256(file.bytes) },
      yanked: file.yanked ?? false,
      ...(file.requiresPython !== undefined && { 'requires-python': file.requiresPython }),
      ...(file.metadata !== undefined && { 'core-metadata': { sha256: sha256(Buffer.from(file.metadata)) } }),
    })
  return {
    contentType: 'application/vnd.pypi.simple.v1+json',
    body: (request) => JSON.stringify({ meta: { 'api-version': '1.1' }, name: project, files: Object.entries(files).map(entry(request)) }),
  }
}

/** Links are relative and escaped, as indexes in the field have them. */
function htmlPage(files: Projects[string]): ServedFile {
  const anchors = Object.entries(files).map(([name, file]) => {
    const yanked = file.yanked === undefined || file.yanked === false ? '' : ` data-yanked="${file.yanked === true ? '' : file.yanked}"`
    const python = file.requiresPython === undefined ? '' : ` data-requires-python="${file.requiresPython.replaceAll('>', '&gt;')}"`
    return `<a href="../../files/${name}#sha256=${sha256(file.bytes)}"${python}${yanked}>${name}</a><br/>`
  })
  return { contentType: 'text/html; charset=utf-8', body: `<!DOCTYPE html><html><body>\n${anchors.join('\n')}\n</body></html>` }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
