import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { defined } from '@soma/core'
import { ManifestSchema } from '@soma/spec'
import { type GitRepository, corruptsByte, createFaultyServer, gitHost, hasEtag } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { candidatesOf } from './candidates.ts'
import { createPytorchSource } from './index.ts'
import { formatKey, parseKey } from './key.ts'
import { CODE_BYTES_MAX } from './limits.ts'
import { definition, importsOf, plainCode, publicNames, stringsOf } from './python.ts'
import { formatHubReference, parseHubReference } from './reference.ts'

const signal = new AbortController().signal
const first = 'a'.repeat(40)
const second = 'b'.repeat(40)
const weightsOf = (name: string): Buffer => Buffer.from(`weights of ${name} `.repeat(10))
const hashed = (name: string): string => `${name}-${createHash('sha256').update(weightsOf(name)).digest('hex').slice(0, 8)}.pth`

/** As torchvision writes it since 0.13: an enum of weights for each model. */
const resnet = (origin: string): string => `
from .._api import register_model, Weights, WeightsEnum
from ._utils import handle_legacy_interface

__all__ = ["ResNet18_Weights", "resnet18"]  # model_urls = {"resnet18": "${origin}/models/in-a-comment-00000000.pth"}

class ResNet18_Weights(WeightsEnum):
    IMAGENET1K_V1 = Weights(
        url="${origin}/models/${hashed('v1')}",
        transforms=partial(ImageClassification, crop_size=224),
        meta={
            "num_params": 11689512,
            "_docs": """These weights are like ${origin}/models/in-a-text-00000000.pth.""",
        },
    )
    IMAGENET1K_V2 = Weights(
        url="${origin}/models/"
        "${hashed('v2')}",
        meta={"recipe": "https://example.org/recipe"},
    )
    DEFAULT = IMAGENET1K_V2


@register_model()
@handle_legacy_interface(weights=("pretrained", ResNet18_Weights.IMAGENET1K_V1))
def resnet18(*, weights: Optional[ResNet18_Weights] = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-18.
    """
    weights = ResNet18_Weights.verify(weights)
    return _resnet(BasicBlock, [2, 2, 2, 2], weights, progress, **kwargs)
`
const segmentation = (origin: string): string => `
from ..resnet import ResNet18_Weights, resnet18

class FCN_Weights(WeightsEnum):
    COCO_V1 = Weights(url="${origin}/models/${hashed('fcn')}", transforms=None)
    DEFAULT = COCO_V1

def fcn(*, weights: Optional[FCN_Weights] = None, weights_backbone: Optional[ResNet18_Weights] = ResNet18_Weights.IMAGENET1K_V1):
    return FCN()
`
/** As torchvision wrote it before: a table, and a key that the entry hands on. */
const oldVgg = (origin: string): string => `
model_urls = {
    'vgg11': '${origin}/models/${hashed('vgg11')}',
    'vgg11_bn': '${origin}/models/${hashed('vgg11_bn')}',
}

def _vgg(arch, cfg, batch_norm, pretrained, progress, **kwargs):
    if pretrained:
        state_dict = load_state_dict_from_url(model_urls[arch], progress=progress)

def vgg11(pretrained=False, progress=True, **kwargs):
    return _vgg('vgg11', 'A', False, pretrained, progress, **kwargs)
`
const vision: GitRepository = {
  refs: { 'refs/heads/main': first, 'refs/tags/v0.9': second, 'refs/tags/v0.10': '0'.repeat(40), 'refs/tags/v0.10^{}': second },
  head: 'refs/heads/main',
  commits: {
    [first]: {
      'hubconf.py': `dependencies = ["torch"]\n\nfrom torchvision.models import get_weight\nfrom torchvision.models.resnet import (\n    resnet18,\n    resnet34,\n)\nfrom torchvision.models.segmentation import fcn\n`,
      'torchvision/models/resnet.py': ({ origin }) => resnet(origin),
      'torchvision/models/segmentation/__init__.py': 'from .deeplab import *\nfrom .fcn import *\n',
      'torchvision/models/segmentation/deeplab.py': 'def deeplab(): pass\n',
      'torchvision/models/segmentation/fcn.py': ({ origin }) => segmentation(origin),
      LICENSE:
        'BSD 3-Clause License\n\nRedistribution and use in source and binary forms, with or without\n\n* Neither the name of the copyright holder\n',
    },
    [second]: {
      'hubconf.py': 'from torchvision.models.vgg import vgg11, vgg11_bn\n',
      'torchvision/models/vgg.py': ({ origin }) => oldVgg(origin),
    },
  },
}
const own: GitRepository = {
  refs: { 'refs/heads/master': first },
  head: 'refs/heads/master',
  commits: {
    [first]: {
      'hubconf.py': ({ origin }) => `
import torch
from models.net import Net as _Net, make_small

URL = '${origin}/models/constant.pth'

def direct(pretrained=True):
    model = _Net()
    if pretrained:
        model.load_state_dict(torch.hub.load_state_dict_from_url('${origin}/models/${hashed('direct')}', progress=True))
    return model

def constant(): return _load(URL)

def two(kind='a'):
    urls = ["${origin}/models/${hashed('v1')}", "${origin}/models/${hashed('v2')}"]

def built(name):
    return torch.hub.load_state_dict_from_url(f"${origin}/models/{name}.pth")

def small(**kwargs):
    return make_small(**kwargs)
`,
      'models/net.py': ({ origin }) =>
        `def make_small():\n    return _fetch("small")\n\ndef _fetch(name):\n    return "${origin}/models/${hashed('small')}"\n`,
    },
  },
}
const names = ['v1', 'v2', 'fcn', 'vgg11', 'vgg11_bn', 'direct', 'small']
const weightsFiles = {
  ...Object.fromEntries(names.map((name) => [`/models/${hashed(name)}`, { body: weightsOf(name) }])),
  '/models/constant.pth': { body: weightsOf('constant'), etag: '"c1"' },
}

async function hub(t: TestContext, env: Record<string, string> = {}) {
  const server = await createFaultyServer({ ...gitHost({ 'pytorch/vision': vision, 'maker/nets': own }), ...weightsFiles })
  t.after(() => server[Symbol.asyncDispose]())
  const one = createTestSource(createPytorchSource, { SOMA_PYTORCH_HUB: server.origin, SOMA_PYTORCH_RAW: server.origin, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, server, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

async function place(): Promise<SourceFixture> {
  const server = await createFaultyServer({ ...gitHost({ 'pytorch/vision': vision }), ...weightsFiles })
  const env = { SOMA_PYTORCH_HUB: server.origin, SOMA_PYTORCH_RAW: server.origin }
  const texts = new Map<string, Uint8Array>()
  // What it serves is asked for by a reader of its own, so that the fixture's server has seen no request yet.
  const other = await createFaultyServer({ ...gitHost({ 'pytorch/vision': vision }), ...weightsFiles })
  await using one = createTestSource(createPytorchSource, { SOMA_PYTORCH_HUB: other.origin, SOMA_PYTORCH_RAW: other.origin })
  for (const { path, content } of (await one.source.resolve('vision/resnet18', { signal })).artifacts) if (content) texts.set(path, content)
  await other[Symbol.asyncDispose]()
  return {
    server,
    good: 'vision/resnet18',
    missing: 'vision/resnet99',
    malformed: [
      'resnet18',
      'a/b/c/d',
      'vision/',
      '/x',
      'a b/c',
      '../etc/x',
      'vision:/x',
      'vision:a..b/x',
      'vision:v1/x@v2',
      'vision/x@',
      'https://example.org/x.pth',
      'x'.repeat(600),
    ],
    bytes: (path) => texts.get(path) ?? weightsOf('v2'),
    change: () => server.fail(`/models/${hashed('v2')}`, corruptsByte(30)),
    env,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'PyTorch Hub', create: createPytorchSource, remote: true, arrange: place })

test('an entry is pinned to a commit and to the weights that its code prefers', async (t) => {
  const { resolve, server } = await hub(t)
  const { reference, version, suggestedName, licence, homepage, choice, artifacts } = await resolve('vision/resnet18@latest')
  assert.equal(reference, `pytorch/vision:${first}/resnet18@IMAGENET1K_V2`)
  assert.equal(version, hashed('v2').slice(3, 11))
  assert.deepEqual([suggestedName, licence, homepage], ['resnet18', 'BSD-3-Clause', `${server.origin}/pytorch/vision`])
  assert.deepEqual(
    choice?.options.map(({ name }) => name),
    ['IMAGENET1K_V1', 'IMAGENET1K_V2'],
  )
  assert.equal(artifacts[0]?.path, hashed('v2'))
  assert.equal(artifacts[0].sha256Prefix, version)
  assert.equal(artifacts[0].sizeBytes, weightsOf('v2').byteLength)
})

test('the package manifest says what the weights are of', async (t) => {
  const { resolve } = await hub(t)
  const artifact = (await resolve('vision/resnet18')).artifacts.find(({ path }) => path === 'manifest.yaml')
  const { spec, metadata } = ManifestSchema.parse(JSON.parse(new TextDecoder().decode(artifact?.content)))
  assert.deepEqual(spec['hub'], { repository: 'pytorch/vision', commit: first, entry: 'resnet18', weights: 'IMAGENET1K_V2' })
  assert.deepEqual([metadata.name, spec.format.type], ['resnet18', 'pytorch'])
})

test('weights are named by their enum, their file or their hash', async (t) => {
  const { resolve } = await hub(t)
  const hash = hashed('v1').slice(3, 11)
  for (const weights of ['IMAGENET1K_V1', hashed('v1'), hash]) assert.equal((await resolve(`vision/resnet18@${weights}`)).version, hash)
  assert.equal((await resolve('vision/resnet18@DEFAULT')).choice?.chosen, 'IMAGENET1K_V2')
  await assert.rejects(resolve('vision/resnet18@IMAGENET22K'), {
    code: 'source/not-found',
    message: /has no weights IMAGENET22K; name some with @: IMAGENET1K_V1/,
  })
})

test('branches, tags and commits are refs, annotated tags those of their commit', async (t) => {
  const { resolve } = await hub(t)
  for (const name of ['vision:v0.9/vgg11', 'vision:v0.10/vgg11', 'pytorch/vision/vgg11@v0.10', `vision:${second}/vgg11`])
    assert.equal((await resolve(name)).reference, `pytorch/vision:${second}/vgg11@${hashed('vgg11')}`)
  await assert.rejects(resolve('vision:v9/vgg11'), {
    code: 'source/not-found',
    message: /no branch, tag or commit v9; there are main, v0\.10, v0\.9/,
  })
})

test('packages are followed to the module that has the entry, and its parts’ weights are not taken for its own', async (t) => {
  const { resolve } = await hub(t)
  assert.equal((await resolve('vision/fcn')).artifacts[0]?.path, hashed('fcn'))
})

test('addresses are found in functions, constants, and helpers of other modules', async (t) => {
  const { resolve } = await hub(t)
  const weights = async (entry: string) => (await resolve(`maker/nets/${entry}`)).artifacts[0]?.path
  assert.deepEqual(
    [await weights('direct'), await weights('constant'), await weights('small')],
    [hashed('direct'), 'constant.pth', hashed('small')],
  )
})

test('several weights without a preference, none that is written down, and no entry are told apart', async (t) => {
  const { resolve } = await hub(t)
  await assert.rejects(resolve('maker/nets/two'), {
    code: 'source/invalid-reference',
    message: /has several weights; name some with @: v1-/,
  })
  assert.equal((await resolve(`maker/nets/two@${hashed('v1')}`)).artifacts[0]?.path, hashed('v1'))
  await assert.rejects(resolve('maker/nets/built'), { code: 'source/not-found', message: /code is not run to find one/ })
  await assert.rejects(resolve('maker/nets/none'), {
    code: 'source/not-found',
    message: /has no entry none; there are direct, constant, two/,
  })
  await assert.rejects(resolve('maker/none/x'), { code: 'source/not-found', message: /no repository maker\/none/ })
})

test('weights without a hash are warned of, and refused once they are others', async (t) => {
  const { resolve, source, server } = await hub(t)
  const { warnings, artifacts, version } = await resolve('maker/nets/constant')
  assert.match(warnings?.[0] ?? '', /constant\.pth holds no hash/)
  assert.equal(version, first.slice(0, 12))
  const artifact = defined(artifacts[0], 'weights')
  assert.deepEqual(await readAll(await source.download(artifact, { offset: 0, signal })), new Uint8Array(weightsOf('constant')))
  server.fail('/models/constant.pth', hasEtag('"c2"'))
  await assert.rejects(source.download(artifact, { offset: 0, signal }), failsWith('source/not-found'))
  await server.whenQuiet()
})

test('the address of weights with a hash in their name is a reference too', async (t) => {
  const { resolve, server } = await hub(t)
  const url = `${server.origin}/models/${hashed('v1')}`
  const { reference, suggestedName, artifacts } = await resolve(url)
  assert.deepEqual([reference, suggestedName], [`pytorch/${url}`, 'v1'])
  assert.equal(artifacts[0]?.sha256Prefix, hashed('v1').slice(3, 11))
})

test('a host that sends no refs is refused, and a hub setting that is no address is config/invalid', async (t) => {
  const { resolve, server } = await hub(t)
  server.serve({ '/pytorch/vision.git/info/refs': { body: '<html>' } })
  await assert.rejects(resolve('vision/resnet18'), { code: 'source/unavailable', retryable: false })
  const other = await hub(t, { SOMA_PYTORCH_RAW: 'raw' })
  await assert.rejects(other.resolve('vision/resnet18'), failsWith('config/invalid'))
})

test('a repository that asks for a password, as GitHub does for what is not there, is not found', async (t) => {
  const { resolve, server } = await hub(t)
  server.serve({ '/maker/hidden.git/info/refs': { status: 401, body: '', headers: { 'www-authenticate': 'Basic realm="GitHub"' } } })
  await assert.rejects(resolve('maker/hidden/x'), { code: 'source/not-found', message: /or it is private/ })
})

test('an endless chain of imports ends with an error', async (t) => {
  const { resolve, server } = await hub(t)
  const many = Array.from({ length: 40 }, (_, at) => `from m${at} import *`).join('\n')
  server.serve(gitHost({ 'maker/many': { ...own, commits: { [first]: { 'hubconf.py': many } } } }))
  await assert.rejects(resolve('maker/many/x'), { code: 'source/not-found', message: /first 24 files/ })
})

test('Python is read as it is meant: no comments, no long texts, joined strings, whole definitions', () => {
  const code = plainCode(
    `# "https://x/a.pth"\nA = "https://x/" \\\n\nB = ("one" "two")\n'''\n"c"\n'''\n@deco\ndef f(\n    x,\n) -> int:\n    return "# no comment"\n\nclass G: pass\n`,
  )
  assert.deepEqual(stringsOf(code), ['https://x/', 'onetwo', '', '# no comment'])
  assert.match(definition(code, 'def', 'f') ?? '', /^@deco\ndef f\([\s\S]*no comment"\n$/)
  assert.equal(definition(code, 'def', 'g'), undefined)
  assert.deepEqual(importsOf('from .a import (b as c,\n  d,)\n  from e.f import *'), [
    { module: '.a', name: 'b', as: 'c' },
    { module: '.a', name: 'd', as: 'd' },
    { module: 'e.f', name: '*', as: '*' },
  ])
  assert.deepEqual(publicNames('dependencies = []\nfrom os import path\nfrom m import a as b, _c\ndef d(): pass\ndef _e(): pass\n'), [
    'd',
    'b',
  ])
})

test('as a last resort the file’s name tells whose weights they are', () => {
  const code = 'ALL = ["https://x.org/mobile_net-0badcafe.pth", "https://x.org/other-0badcafe.pth"]\ndef mobile_net(): pass\n'
  assert.deepEqual(
    candidatesOf(code, 'mobile_net').map(({ name }) => name),
    ['mobile_net-0badcafe.pth'],
  )
})

test('hostile code is read in time proportional to its size', () => {
  const repeated = (text: string): string => text.repeat(Math.floor(CODE_BYTES_MAX / text.length))
  const hostile = [
    'a = {\n',
    'from a import (',
    '"""',
    '" ',
    "f'{",
    'x_Weights ',
    'f(',
    '  A\n',
    "a = 'https://x.org/a.pth'\n",
    '#"',
    'def a():\n',
    `'''\n"""`,
  ]
  for (const text of hostile) {
    const before = performance.now()
    candidatesOf(plainCode(`def a():\n  ${repeated(text)}`), 'a')
    importsOf(plainCode(repeated(text)))
    const tookMs = performance.now() - before
    assert.ok(tookMs < 30_000, `${JSON.stringify(text)} took ${tookMs} ms`)
  }
})

test('a name that goes on is taken when it is the only one', () => {
  const code =
    'urls = {"fcn_x_coco": "https://x.org/fcn_x_coco-0badcafe.pth", "fcn_y_coco": "https://x.org/fcn_y_coco-0badcafe.pth"}\ndef fcn_x(): return urls["fcn_x" + "_coco"]\n'
  assert.deepEqual(
    candidatesOf(code, 'fcn_x').map(({ name }) => name),
    ['fcn_x_coco-0badcafe.pth'],
  )
})

test('a long text inside a definition does not end it', () => {
  const code = plainCode(
    'class A_Weights(E):\n    V1 = W(url="https://x.org/a-0badcafe.pth", meta={"docs": """Two\nlines.""",})\n    DEFAULT = V1\n\ndef a(weights: A_Weights): pass\n',
  )
  assert.deepEqual(candidatesOf(code, 'a'), [{ name: 'V1', url: 'https://x.org/a-0badcafe.pth', preferred: true }])
})

test('references and keys are read as they are written', () => {
  for (const text of ['vision/resnet18', 'vision:v0.10/resnet18@IMAGENET1K_V1', 'a/b:feature/x/entry@0badcafe'])
    assert.equal(formatHubReference(parseHubReference(text)), `pytorch/${text}`)
  const key = { url: 'https://x.org/m-0badcafe.pth', sha256Prefix: '0badcafe' }
  assert.deepEqual(parseKey(formatKey(key)), key)
  assert.throws(() => parseKey('x'), failsWith('source/invalid-reference'))
})

test('any text is a reference that is written as it was read, or refused', () => {
  const reference = fc.string({ unit: fc.constantFrom(...Array.from('abA1./:@-_')), maxLength: 40 })
  fc.assert(
    fc.property(fc.oneof(reference, fc.string({ unit: 'binary' })), (text) => {
      try {
        const parsed = parseHubReference(text)
        const written = formatHubReference(parsed)
        assert.deepEqual(parseHubReference(written.slice('pytorch/'.length)), parsed)
      } catch (thrown) {
        failsWith('source/invalid-reference')(thrown)
      }
    }),
  )
})
