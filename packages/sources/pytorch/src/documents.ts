import { type Artifact, MANIFEST_FILE_NAME } from '@soma/spec'

export const LICENCE_FILE_NAME = 'LICENSE'

/** What a package is made of, besides the weights themselves. */
export interface Described {
  readonly repository: string
  readonly commit: string
  readonly entry: string
  readonly version: string
  readonly weights: string
  readonly file: string
  readonly licence?: string
  readonly licenceText?: string
}

/** The documents that go with the weights: the package manifest, and the licence. Equal descriptions give equal bytes. */
export function documentsOf(described: Described): Artifact[] {
  const { repository, commit, licenceText } = described
  const licence = licenceText === undefined ? [] : [textArtifact(LICENCE_FILE_NAME, licenceText, `${repository}@${commit}`)]
  return [manifestArtifact(described), ...licence]
}

/** Says what the weights are of: without it, a state dictionary is a list of tensors. JSON is YAML. */
function manifestArtifact({ repository, commit, entry, version, weights, file, licence, licenceText }: Described): Artifact {
  const files = [file, ...(licenceText === undefined ? [] : [LICENCE_FILE_NAME])]
  const manifest = {
    apiVersion: 'soma/v1',
    kind: 'Model',
    metadata: { name: entry, namespace: repository, version, ...(licence !== undefined && { license: licence }) },
    spec: {
      framework: { name: 'pytorch' },
      format: { type: 'pytorch', files: files.map((path) => ({ path })), execution_files: { model: { path: file } } },
      hub: { repository, commit, entry, weights },
    },
  }
  return textArtifact(MANIFEST_FILE_NAME, `${JSON.stringify(manifest, undefined, 2)}\n`, `${repository}@${commit}/${entry}@${weights}`)
}

function textArtifact(path: string, text: string, of: string): Artifact {
  const content = new TextEncoder().encode(text)
  return { key: `pytorch:${of}#${path}`, path, kind: 'file', sizeBytes: content.byteLength, content }
}
