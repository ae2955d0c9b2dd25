import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { OWNER, silentLog } from '@soma/core'
import { builtInEngines, createSoma } from '@soma/daemon'
import { readConfig, somaPaths } from '@soma/host'
import { createCalls } from '@soma/kernel'
import { type Tensor, decodeValues, encodeValues } from '@soma/spec'
import { testPython, torchModels } from './test-models.ts'

const python = await testPython()

const x: Tensor = { name: 'x', dtype: 'float32', shape: [2, 3], data: encodeValues('float32', [1, 1, 1, -1, 0, 0]) }

test(
  'a TorchScript file is installed, called, converted into ONNX, and the onnx engine gives the same',
  { skip: python.skip('torch') },
  async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'soma-python-'))
    t.after(() => rm(home, { recursive: true, force: true }))
    await writeFile(join(home, 'linear.pt'), torchModels(python.interpreter ?? '')['linear.pt'] ?? '')
    const env = { PATH: process.env['PATH'], SOMA_HOME: join(home, 'soma'), SOMA_PYTHON: python.interpreter }
    const paths = somaPaths(env)
    const config = readConfig(paths.configFile)
    const engines = builtInEngines().filter(({ descriptor: { id } }) => id === 'python' || id === 'onnx')
    const soma = await createSoma({ paths, env, engines, log: silentLog, config: { ...config, http: { ...config.http, enabled: false } } })
    t.after(() => soma.stop({ drainMs: 0 }))
    const calls = createCalls(soma.kernel, { principal: OWNER, face: 'internal' })
    const install = calls.stream('model.install', { reference: `file/${join(home, 'linear.pt')}`, name: 'linear' })
    await Array.fromAsync(install)
    const { model } = await install.output
    assert.deepEqual([model.format, model.engine, model.task], ['torchscript', 'python', 'tensor-to-tensor'])
    const answer = await calls.call('model.infer', { model: 'linear', inputs: [x] })
    assert.deepEqual(decodeValues('float32', answer.outputs[0]?.data ?? new Uint8Array()), [6.5, 14.5, 0, 0])
    const convert = calls.stream('model.convert', { model: 'linear', to: 'onnx', settings: { inputs: ['x float32[?, 3]'] } })
    const stages = (await Array.fromAsync(convert)).map(({ stage }) => stage)
    assert.ok(stages.includes('writing ONNX, opset 16'), stages.join())
    assert.equal((await convert.output).name, 'linear-onnx')
    const again = await calls.call('model.infer', { model: 'linear-onnx', inputs: [x] })
    assert.deepEqual(
      again.outputs.map(({ name, shape, data }) => ({ name, shape, values: decodeValues('float32', data) })),
      [{ name: 'output', shape: [2, 2], values: [6.5, 14.5, 0, 0] }],
    )
    assert.deepEqual(await readdir(join(paths.data, 'run', 'drafts')), [])
  },
)
