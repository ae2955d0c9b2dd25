import type { CreateSource, Source } from '@soma/spec'
import { downloadPytorch } from './download.ts'
import { resolvePytorch } from './resolve.ts'

/** Weights of PyTorch Hub entries, torchvision's among them. The code of a repository is read for addresses, and never run. */
export const createPytorchSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'pytorch',
  title: 'PyTorch Hub',
  example: 'pytorch/vision/resnet50@IMAGENET1K_V2',
  resolve: (name, { signal }) => resolvePytorch(name, deps, signal),
  download: (artifact, options) => downloadPytorch(artifact, deps, options),
})
