import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstalledModel } from '../ports.ts'
import { summarise } from './summary.ts'

function wantedShown(wanted: string): string {
  const model = { name: 'x', files: [], wanted } as unknown as InstalledModel
  return summarise(model, { running: { isLoaded: () => false }, registry: { aliases: { of: () => [] } as never } }).wanted
}

test('a list says what was asked for, without the credentials that were in it', () => {
  assert.equal(wantedShown('hf/bert-base-uncased@latest'), 'hf/bert-base-uncased@latest')
  assert.equal(wantedShown('url/https://me:secret@example.org/m.onnx?token=secret&v=1'), 'url/https://example.org/m.onnx?v=1')
  assert.equal(wantedShown('url/no address'), 'url/no address')
})
