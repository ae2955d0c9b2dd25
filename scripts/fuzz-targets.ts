// Everything that reads files from outside, for `npm run fuzz` and `test/fuzz.test.ts`.
import type { FuzzTarget } from '../packages/formats/src/fuzz/test-fuzz.ts'
import { formatTargets } from '../packages/formats/src/fuzz/test-targets.ts'
import { readManifest } from '../packages/models/src/package/manifest.ts'

const manifestText = `apiVersion: axon.mlos.io/v1
kind: Model
metadata:
  namespace: vision
  name: resnet50
  version: "1.0.0"
  description: "An image classifier"
spec:
  framework: { name: PyTorch, version: "2.0.0" }
  format:
    type: onnx
    execution_format: onnx
    files:
      - path: model.onnx
        size: 102400
        sha256: "${'0a'.repeat(32)}"
    execution_files:
      model: { path: model.onnx }
  io:
    inputs:
      - name: pixels
        dtype: float32
        shape: [-1, 3, 224, 224]
    outputs:
      - { name: logits, dtype: float32, shape: [-1, 1000] }
  tasks: [image-classification]
`

export const fuzzTargets: readonly FuzzTarget[] = [
  ...formatTargets,
  {
    name: 'manifest',
    seeds: [Buffer.from(manifestText)],
    read: async (file) => readManifest(await file.read(0, file.sizeBytes)),
  },
]
