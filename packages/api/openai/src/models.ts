import type { CallOutput, ForeignCall, ForeignRequest, ModelSummary } from '@soma/spec'
import { jsonReply } from './reply.ts'

/** `GET /models`: what the caller may see. */
export function listModels(_request: ForeignRequest): ForeignCall {
  return {
    input: {},
    reply: (output) => jsonReply({ object: 'list', data: (output as CallOutput<'model.list'>).models.map(describe) }),
  }
}

/** `GET /models/{model}` */
export function retrieveModel({ parameters }: ForeignRequest): ForeignCall {
  return { input: { model: parameters['model'] }, reply: (output) => jsonReply(describe((output as CallOutput<'model.show'>).model)) }
}

/** Who owns a model is for Soma the source it came from. */
function describe({ name, installedAt, reference }: ModelSummary): object {
  return { id: name, object: 'model', created: Math.floor(installedAt / 1000), owned_by: reference.split('/', 1)[0] }
}
