import type { ForeignRoute, HttpMethod, Translator } from '@soma/spec'
import { type Endpoint, type EndpointRequest, type Task, parametersOf } from './routes.ts'

/** One route of another system's API: a translator says what it asks for, and how to answer. */
export class TranslatedRoute implements Endpoint {
  readonly call: string
  readonly method: HttpMethod
  readonly path: string
  readonly parameters: readonly string[]
  readonly streams: boolean
  readonly translator: Translator
  readonly #route: ForeignRoute

  constructor(translator: Translator, route: ForeignRoute) {
    this.call = route.call
    this.method = route.method
    this.path = route.path
    this.parameters = parametersOf(route.path)
    this.streams = false
    this.translator = translator
    this.#route = route
  }

  async open(request: EndpointRequest): Promise<Task> {
    const call = await this.#route.translate(request)
    return {
      input: call.input,
      endless: false,
      stream: (at) => call.stream?.(at),
      reply(output, at) {
        const { headers, ...reply } = call.reply(output, at)
        return { ...reply, headers: { ...headers } }
      },
    }
  }
}

export function translatedRoutes(translators: readonly Translator[]): TranslatedRoute[] {
  return translators.flatMap((translator) => translator.routes.map((route) => new TranslatedRoute(translator, route)))
}
