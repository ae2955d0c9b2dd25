import { type CallDefinition, FRAME_CONTENT_TYPE, type HttpMethod, type JsonSchema, jsonSchema } from '@soma/spec'
import { preferred } from './accept.ts'
import { JSON_CONTENT_TYPE, encodeBinary, encodeJson, readInput } from './codec.ts'
import { type QueryFields, queryFields } from './query.ts'
import type { Reply } from './reply.ts'
import { type Endpoint, type EndpointRequest, type Task, parametersOf } from './routes.ts'
import { streamEncodings } from './streams.ts'

const frames = { contentType: FRAME_CONTENT_TYPE }

/** One call as HTTP reaches it. What its schemas tell is found out when first needed: for all calls it would take 75 ms. */
export class CallRoute implements Endpoint {
  readonly call: string
  readonly method: HttpMethod
  readonly path: string
  readonly parameters: readonly string[]
  readonly streams: boolean
  readonly translator = undefined
  readonly definition: CallDefinition
  #query: QueryFields | undefined
  #binary: boolean | undefined

  constructor(definition: CallDefinition) {
    const space = definition.http.indexOf(' ')
    this.call = definition.name
    this.method = definition.http.slice(0, space) as HttpMethod
    this.path = definition.http.slice(space + 1)
    this.parameters = parametersOf(this.path)
    this.streams = definition.events !== undefined
    this.definition = definition
  }

  get query(): QueryFields {
    this.#query ??= queryFields(jsonSchema(this.definition.input, 'input'))
    return this.#query
  }

  /** Whether the output, or an event, can hold tensors: the others need no search for them. */
  get binary(): boolean {
    const { output, events } = this.definition
    this.#binary ??= [output, ...(events ? [events] : [])].some((schema) => holdsTensors(jsonSchema(schema, 'output')))
    return this.#binary
  }

  open(request: EndpointRequest): Task {
    const input = readInput(this, request)
    const accept = request.header('accept')
    const endless = this.definition.endless === true
    const offered = this.streams ? streamEncodings(this.binary) : []
    // What never ends can only be streamed, whatever the client would rather have.
    const encoding = preferred(accept, offered) ?? (endless ? offered[0] : undefined)
    return { input, endless, stream: () => encoding, reply: (output) => this.#reply(output, accept) }
  }

  #reply(output: unknown, accept: string | undefined): Reply {
    const asFrame = preferred(accept, [frames]) !== undefined
    const contentType = asFrame ? FRAME_CONTENT_TYPE : JSON_CONTENT_TYPE
    return { status: 200, contentType, body: asFrame ? encodeBinary(output) : encodeJson(output, this.binary) }
  }
}

function holdsTensors(schema: JsonSchema): boolean {
  return Object.hasOwn((schema['$defs'] ?? {}) as object, 'Tensor')
}
