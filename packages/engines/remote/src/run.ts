import { type Signature, type LoadedModel } from '@soma/spec'
import { defined } from '@soma/core'
import { loadFailed } from './errors.ts'
import * as anthropic from './apis/anthropic/generate.ts'
import type { RemoteMethods, Target } from './apis/api.ts'
import * as ollama from './apis/ollama/generate.ts'
import { infer } from './apis/oip/infer.ts'
import { readSignature, takesBytes } from './apis/oip/metadata.ts'
import { embed, rerank } from './apis/openai/embed.ts'
import { generate } from './apis/openai/generate.ts'
import * as replicate from './apis/replicate/model.ts'
import { isText, signatureOf } from './apis/replicate/schema.ts'
import { transcribe } from './apis/openai/transcribe.ts'
import type { EndpointFile } from './options.ts'

export type RunnableModel = RemoteMethods & Pick<LoadedModel, 'signature'>

/** Models that are asked in words have no tensors. */
const none: Signature = { inputs: [], outputs: [] }

type MakeMethods = (target: Target) => RemoteMethods

const generates =
  (of: typeof generate): MakeMethods =>
  (target) => ({ generate: (request, ctx) => of(target, request, ctx) })
const embeds =
  (of: typeof embed): MakeMethods =>
  (target) => ({ embed: (request, ctx) => of(target, request, ctx) })

/** By API and task. */
const methods: Readonly<Record<Exclude<EndpointFile['api'], 'oip' | 'replicate'>, Readonly<Record<string, MakeMethods>>>> = {
  openai: {
    'text-generation': generates(generate),
    'feature-extraction': embeds(embed),
    'text-ranking': (target) => ({ rerank: (request, ctx) => rerank(target, request, ctx) }),
    'automatic-speech-recognition': (target) => ({ transcribe: (request, ctx) => transcribe(target, request, ctx) }),
  },
  anthropic: { 'text-generation': generates(anthropic.generate) },
  ollama: { 'text-generation': generates(ollama.generate), 'feature-extraction': embeds(ollama.embed) },
}

/**
 * What the model behind an endpoint can be asked.
 * @throws {SomaError} `model/load-failed` for a task that its API does not have; what asking a server for its tensors may fail with.
 */
export async function runnable({ api, task, replicate: model }: EndpointFile, target: Target, signal: AbortSignal): Promise<RunnableModel> {
  if (api === 'oip') return await tensorModel(target, signal)
  if (api === 'replicate') return replicateModel(target, defined(model, 'a model of Replicate’s has its version'))
  const make = methods[api][task]
  if (make) return { signature: none, ...make(target) }
  throw loadFailed(
    `the ${api} API is spoken here for ${Object.keys(methods[api]).join(', ')}, not for ${task}; "task" in endpoint.json says which`,
  )
}

async function tensorModel(target: Target, signal: AbortSignal): Promise<RunnableModel> {
  const signature = await readSignature(target, signal)
  const asBytes = await takesBytes(target, signal)
  return { signature, infer: (request, ctx) => infer(target, asBytes, request, ctx) }
}

function replicateModel(target: Target, model: replicate.ReplicateModel): RunnableModel {
  const signature = signatureOf(model.file)
  return {
    signature,
    infer: (request, ctx) => replicate.infer(target, model, request, ctx),
    ...(isText(model.file) && { generate: (request, ctx) => replicate.generate(target, model, request, ctx) }),
  }
}
