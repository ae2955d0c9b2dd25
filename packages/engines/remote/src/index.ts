import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

export { type RemotePolicy, RemotePolicySchema, REMOTE_POLICY_VARIABLE } from './policy.ts'

/** Runs models behind HTTP APIs of other programs, on this machine or, where the user allows it, on others. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'remote',
  title: 'Models of other servers (OpenAI, Anthropic, Ollama, Open Inference Protocol, Replicate)',
  version: '0.1.0',
  formats: ['remote'],
  tasks: ['text-generation', 'feature-extraction', 'text-ranking', 'automatic-speech-recognition', 'tensor-to-tensor'],
  layouts: [{ format: 'remote', task: 'text-generation', files: { model: '**/endpoint.json' } }],
  remote: true,
}
