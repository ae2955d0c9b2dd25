import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigSchema } from '@soma/spec'
import { builtInEngines } from './engines.ts'
import { formatsOfHubs, withPython } from './python.ts'

const paths = { data: '/data' } as Parameters<typeof withPython>[1]['paths']
const envOf = (python: string, env: Readonly<Record<string, string>>) =>
  withPython(builtInEngines(), { config: { ...ConfigSchema.parse({ engines: { python } }) }, env, paths }).find(
    ({ descriptor }) => descriptor.id === 'python',
  )?.env

test('the configuration names the Python, else the environment, else it is looked for', () => {
  const own = { SOMA_PYTHON_ENVIRONMENT: '/data/python' }
  assert.deepEqual(envOf('/opt/python3', { SOMA_PYTHON: '/other' }), { ...own, SOMA_PYTHON: '/opt/python3' })
  assert.deepEqual(envOf('', { SOMA_PYTHON: '/other' }), { ...own, SOMA_PYTHON: '/other' })
  assert.deepEqual(envOf('', {}), own)
})

test('hubs are not asked for formats that only Python’s frameworks load', () => {
  const formats = formatsOfHubs(builtInEngines())
  assert.ok(formats.includes('onnx'))
  assert.ok(!formats.includes('safetensors'))
})
