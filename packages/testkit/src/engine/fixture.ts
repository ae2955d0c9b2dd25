import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ModelPackage } from '@soma/spec'

/** A package's files: contents, or the URL of a file to copy. */
export type FixtureFiles = Readonly<Record<string, string | Uint8Array | URL>>

export interface ModelFixture {
  readonly files: FixtureFiles
  /** Role → path. */
  readonly roles: Readonly<Record<string, string>>
  readonly format: string
  readonly task: string
  /** The engine's own options. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Lays a package out in a folder of its own, which disposing removes. */
export async function layOut(model: ModelFixture): Promise<{ readonly pkg: ModelPackage } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'soma-engine-'))
  const paths = Object.keys(model.files)
  for (const path of paths) await place(join(directory, path), model.files[path] ?? '')
  const files = paths.map(async (path) => {
    const localPath = join(directory, path)
    return { path, localPath, sizeBytes: (await stat(localPath)).size }
  })
  const { format, task, roles } = model
  return {
    pkg: { name: 'fixture', format, task, directory, files: await Promise.all(files), roles: { ...roles } },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

async function place(localPath: string, content: string | Uint8Array | URL): Promise<void> {
  await mkdir(dirname(localPath), { recursive: true })
  await (content instanceof URL ? cp(content, localPath) : writeFile(localPath, content))
}

/** The fixture with each role's file in turn replaced by nothing, and by noise. */
export function corrupted(model: ModelFixture): Array<{ readonly what: string; readonly model: ModelFixture }> {
  const kinds = {
    empty: new Uint8Array(0),
    noise: Uint8Array.from({ length: 2048 }, (_, index) => Math.imul(index + 1, 2_654_435_761) >>> 24),
  }
  return Object.values(model.roles).flatMap((path) =>
    Object.entries(kinds).map(([kind, content]) => ({
      what: `${kind} ${path}`,
      model: { ...model, files: { ...model.files, [path]: content } },
    })),
  )
}
