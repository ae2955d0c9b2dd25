/** Manifests that are asked for, the OCI ones first. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const
export const INDEX_TYPES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'] as const

/** CNCF ModelPack, @see https://github.com/modelpack/model-spec. Its first name was `cnai`. */
export const MODEL_MANIFEST_TYPE = 'application/vnd.cncf.model.manifest.v1+json'
export const MODEL_CONFIG_TYPE = 'application/vnd.cncf.model.config.v1+json'
export const MODEL_CONFIG_TYPES: readonly string[] = [MODEL_CONFIG_TYPE, 'application/vnd.cnai.model.config.v1+json']
/** One file as it is: weights, what reads them, documentation, code. */
export const rawLayerType = (kind: 'weight' | 'weight.config' | 'doc' | 'code'): string => `application/vnd.cncf.model.${kind}.v1.raw`

/** Hashes of the chunks of large files, see `chunks.ts`. */
export const CHUNKS_TYPE = 'application/vnd.soma.chunks.v1+json'
/** What stands where a descriptor is needed and nothing is meant. */
export const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json'

/** Where in the package a layer's file lies, the most special name first. */
export const PATH_ANNOTATIONS = ['org.cncf.model.filepath', 'org.cnai.model.filepath', 'org.opencontainers.image.title'] as const
export const TITLE = 'org.opencontainers.image.title'
export const FILEPATH = 'org.cncf.model.filepath'
/** ORAS marks a layer that is a packed folder. */
export const UNPACK = 'io.deis.oras.content.unpack'
