import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

/** The reference engine: gives back what it gets, and misbehaves on request, so that everything around engines can be tested. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'echo',
  title: 'Echo (the reference engine)',
  version: '0.1.0',
  formats: ['echo'],
  tasks: ['tensor-to-tensor', 'text-generation'],
  layouts: [{ format: 'echo', task: 'tensor-to-tensor', files: { model: '**/*.echo' } }],
}
