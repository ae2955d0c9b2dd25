// A source of your own: models that lie on a plain web server, listed in one index.json:
//   { "tiny": { "version": "3", "files": { "model.onnx": { "size": 174, "sha256": "…" } } } }
// Put this file into the `sources` folder beside config.toml, restart the daemon, and `soma model install shelf/tiny` works:
// hashing, resuming, retrying, parallel ranges, mirrors and offline mode are the installer's.

const INDEX_BYTES_MAX = 1024 * 1024

export function createSource(deps, tools) {
  const base = () => {
    const url = deps.env.SHELF_URL
    if (url) return url.replace(/\/$/, '')
    throw new tools.SomaError('source/invalid-reference', 'SHELF_URL is not set; set it to the address of the shelf')
  }

  async function readIndex(signal) {
    using reply = await deps.fetch(`${base()}/index.json`, { signal })
    return JSON.parse(Buffer.from(await tools.readDocument(reply, INDEX_BYTES_MAX)).toString())
  }

  function find(index, name) {
    const [id, version] = name.split('@')
    const model = index[id]
    if (model && (!version || model.version === version)) return { id, ...model }
    const known = Object.entries(index).map(([other, { version }]) => `${other}@${version}`)
    throw new tools.SomaError('source/not-found', `the shelf has no ${name}; it has ${known.join(', ')}`, { details: { name, known } })
  }

  return {
    sourceVersion: 1,
    scheme: 'shelf',
    title: 'A shelf on a web server',
    example: 'shelf/tiny@3',

    async resolve(name, { signal }) {
      const { id, version, files } = find(await readIndex(signal), name)
      const artifacts = Object.entries(files).map(([path, { size, sha256 }]) => ({
        key: `shelf:${base()}/${id}/${version}/${path}#${sha256}`,
        path,
        kind: tools.archiveKind(path),
        sizeBytes: size,
        integrity: { algorithm: 'sha256', digest: sha256 },
      }))
      return { reference: `shelf/${id}@${version}`, suggestedName: tools.modelNameOf(id), version, artifacts }
    },

    download(artifact, options) {
      const url = artifact.key.slice('shelf:'.length).split('#')[0]
      return tools.openHttpDownload(deps.fetch, { url, hashed: true }, options)
    },

    async search(query, { limit, signal }) {
      const ids = Object.keys(await readIndex(signal)).filter((id) => id.includes(query))
      return ids.slice(0, limit).map((id) => ({ reference: `shelf/${id}`, title: id }))
    },
  }
}
