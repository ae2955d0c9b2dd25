import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ModelName } from '../../calls/values.ts'
import { archiveKind, fileStem, modelNameOf } from './file-name.ts'
import { publicReference, publicUrl } from './public-url.ts'

test('a public URL has no user, password, fragment and secret parameters, and keeps the rest as it is', () => {
  assert.equal(publicUrl('https://me:pw@example.org:8443/a%20b?x=1&y=%C3%BC#top'), 'https://example.org:8443/a%20b?x=1&y=%C3%BC')
  const secrets = [
    'token=1',
    'access_token=1',
    'X-Amz-Signature=1',
    'X-Amz-Credential=1',
    'sig=1',
    'api_key=1',
    'apikey=1',
    'password=1',
    'Signature=1',
  ]
  for (const secret of secrets) assert.equal(publicUrl(`https://example.org/a?v=2&${secret}`), 'https://example.org/a?v=2', secret)
  const plain = 'https://example.org/a?download=true&revision=main&tokenizer=bpe&author=me&policy=open&sp=1'
  assert.equal(publicUrl(plain), plain)
  assert.equal(
    publicUrl('https://acc.blob.example.org/a?sv=2024&se=2026&sr=b&sp=r&sig=abc&comp=x'),
    'https://acc.blob.example.org/a?comp=x',
  )
  assert.equal(publicUrl('https://cdn.example.org/a?Expires=1&Signature=x&Key-Pair-Id=K'), 'https://cdn.example.org/a')
  assert.throws(() => publicUrl('/relative'), TypeError)
})

test('a public reference has no credentials in its address, keeps what pins it, and is its own public form', () => {
  const shown = {
    'hf/bert-base-uncased@latest': 'hf/bert-base-uncased@latest',
    'url/https://me:secret@example.org/m.onnx?token=secret&v=1#sha256=ab': 'url/https://example.org/m.onnx?v=1#sha256=ab',
    'url/https://example.org/m.onnx#access_token=secret': 'url/https://example.org/m.onnx',
    'tfhub/https://tfhub.dev/google/bert/1': 'tfhub/https://tfhub.dev/google/bert/1',
    'url/no address': 'url/no address',
    'file//home/me/m': 'file//home/me/m',
    ocr: 'ocr',
  }
  for (const [reference, expected] of Object.entries(shown)) {
    assert.equal(publicReference(reference), expected)
    assert.equal(publicReference(expected), expected)
  }
})

test('archives are told by the end of their name', () => {
  const kinds = ['a.tar.gz', 'a.TGZ', 'a.axon', 'a.tar', 'a.zip', 'a.whl', 'a.onnx', 'zip', 'a.gz'].map(archiveKind)
  assert.deepEqual(kinds, ['tar.gz', 'tar.gz', 'tar.gz', 'tar', 'zip', 'zip', 'file', 'file', 'file'])
})

test('a stem is the name without its ending', () => {
  assert.deepEqual(['a.tar.gz', 'a.b.onnx', 'a', '.hidden', 'v1.5-large'].map(fileStem), ['a', 'a.b', 'a', '.hidden', 'v1.5-large'])
})

test('any text gives a name that an installed model can have', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => ModelName.safeParse(modelNameOf(text)).success))
  assert.equal(modelNameOf('Tiny Model (v2)'), 'tiny-model-v2')
  assert.equal(modelNameOf('!!'), 'model')
  assert.ok(ModelName.safeParse(modelNameOf('-'.repeat(10) + 'x'.repeat(127) + '-y')).success)
})
