import type { ServedFile, ServedRequest } from './served-file.ts'

export interface GitRepository {
  /** `refs/heads/main`, `refs/tags/v1` → commit; the keys of `commits` are 40 hex digits. */
  readonly refs: Readonly<Record<string, string>>
  /** The default branch. */
  readonly head: string
  /** Of each commit the texts; those that depend on the server's address are functions. */
  readonly commits: Readonly<Record<string, Readonly<Record<string, string | ((request: ServedRequest) => string)>>>>
}

/**
 * Files for `createFaultyServer` that look like a git host: its refs by the smart HTTP protocol, and raw files by commit.
 * `repositories`: `owner/name` → repository.
 */
export function gitHost(repositories: Readonly<Record<string, GitRepository>>): Record<string, ServedFile> {
  const served: Record<string, ServedFile> = {}
  for (const [name, { refs, head, commits }] of Object.entries(repositories)) {
    served[`/${name}.git/info/refs`] = { contentType: 'application/x-git-upload-pack-advertisement', body: advertisement(refs, head) }
    for (const [commit, files] of Object.entries(commits))
      for (const [path, text] of Object.entries(files))
        served[`/${name}/${commit}/${path}`] = { contentType: 'text/plain; charset=utf-8', body: text }
  }
  return served
}

/** Protocol version 0, as `git upload-pack --advertise-refs` writes it behind HTTP. */
function advertisement(refs: Readonly<Record<string, string>>, head: string): string {
  const capabilities = `multi_ack side-band-64k symref=HEAD:${head} agent=git/testkit`
  const listed = Object.entries(refs).map(([name, commit]) => packet(`${commit} ${name}\n`))
  return [packet('# service=git-upload-pack\n'), '0000', packet(`${refs[head] ?? ''} HEAD\0${capabilities}\n`), ...listed, '0000'].join('')
}

function packet(text: string): string {
  return (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text
}
