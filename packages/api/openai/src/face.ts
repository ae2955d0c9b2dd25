import type { ForeignRoute, Translator } from '@soma/spec'
import { transcribe, translate } from './audio/transcriptions.ts'
import { chat } from './chat/completions.ts'
import { complete } from './completions.ts'
import { embed } from './embeddings.ts'
import { errorReply } from './errors.ts'
import { listModels, retrieveModel } from './models.ts'

/** What clients take as their base URL, after the address. */
const BASE = '/openai/v1'

/**
 * The OpenAI API, first part: models, completions of chats and prompts, embeddings, transcriptions. Clients take
 * `http://127.0.0.1:7662/openai/v1` as their base URL and a Soma token as their key. What has no counterpart in
 * `/v1`, where Soma's own calls are, answers there too, for clients that cannot be told a path.
 *
 * What a model cannot honour is refused by name. Four fields say nothing to a model and are let through unread:
 * `user`, `safety_identifier`, `metadata`, and `strict`, because answers are always held to the schemas they are given.
 * @param options.version of Soma, which is what `system_fingerprint` can honestly say.
 */
export function createOpenAiTranslator({ version }: { readonly version: string }): Translator {
  const both: ReadonlyArray<Omit<ForeignRoute, 'method'>> = [
    { path: '/chat/completions', call: 'model.generate', translate: (request) => chat(request, `soma-${version}`) },
    { path: '/completions', call: 'model.generate', translate: (request) => complete(request, `soma-${version}`) },
    { path: '/embeddings', call: 'model.embed', translate: embed },
    { path: '/audio/transcriptions', call: 'model.transcribe', translate: transcribe },
    { path: '/audio/translations', call: 'model.transcribe', translate },
  ]
  return {
    name: 'openai',
    base: '/openai/',
    routes: [
      { method: 'GET', path: `${BASE}/models`, call: 'model.list', translate: listModels },
      { method: 'GET', path: `${BASE}/models/{model}`, call: 'model.show', translate: retrieveModel },
      ...[BASE, '/v1'].flatMap((base) => both.map((route): ForeignRoute => ({ ...route, method: 'POST', path: base + route.path }))),
    ],
    error: errorReply,
  }
}
