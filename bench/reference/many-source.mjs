// The source `many/<port>/<package>`: packages of `package-server.ts`, with a manifest of its own making.

export function createSource(deps, tools) {
  const base = (name) => `http://127.0.0.1:${name}`
  return {
    sourceVersion: 1,
    scheme: 'many',
    title: 'Many files',
    example: 'many/8080/p1',

    async resolve(name, { signal }) {
      using reply = await deps.fetch(`${base(name)}/index.json`, { signal })
      const files = JSON.parse(Buffer.from(await tools.readDocument(reply, 1024 * 1024)).toString())
      const artifacts = files.map(({ path, size, sha256 }) => ({
        key: `${base(name)}/${path}#${sha256}`,
        path: `${path}.bin`,
        kind: 'file',
        sizeBytes: size,
        integrity: { algorithm: 'sha256', digest: sha256 },
      }))
      const content = new TextEncoder().encode('echo')
      const model = { key: `${base(name)}#model`, path: 'model.echo', kind: 'file', sizeBytes: content.length, content }
      return { reference: `many/${name}`, suggestedName: 'many', version: '1', artifacts: [model, ...artifacts] }
    },

    download(artifact, options) {
      return tools.openHttpDownload(deps.fetch, { url: artifact.key.split('#')[0], hashed: true }, options)
    },
  }
}
