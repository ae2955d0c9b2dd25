import { SomaError } from '@soma/core'
import { type CallDefinition, type HttpMethod, type JsonSchema, jsonSchema } from '@soma/spec'
import { type QueryFields, queryFields } from './query.ts'

/** One call as HTTP reaches it. What its schemas tell is found out when first needed: for all calls it would take 75 ms. */
export class Route {
  readonly name: string
  readonly method: HttpMethod
  /** `/v1/models/{model}` */
  readonly path: string
  /** Names of the path's parameters, in order. */
  readonly parameters: readonly string[]
  readonly definition: CallDefinition
  #query: QueryFields | undefined
  #binary: boolean | undefined

  constructor(definition: CallDefinition) {
    const space = definition.http.indexOf(' ')
    this.name = definition.name
    this.method = definition.http.slice(0, space) as HttpMethod
    this.path = definition.http.slice(space + 1)
    this.parameters = [...this.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
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
}

export interface Match {
  readonly route: Route
  readonly parameters: Readonly<Record<string, string>>
}

const none: Match['parameters'] = {}

/** A step of a path. Literal steps win over parameters: `/v1/models/verify` is not a model. */
interface Step {
  readonly literals: Map<string, Step>
  parameter: Step | undefined
  readonly routes: Map<string, Route>
}

/** Finds the call behind a method and a path. Derived from the table alone. */
export class RouteTable {
  readonly #root = newStep()
  /** Paths without parameters, which most requests have, are found in one look. */
  readonly #literal = new Map<string, Route>()
  readonly routes: readonly Route[]

  constructor(table: Readonly<Record<string, CallDefinition>>) {
    this.routes = Object.values(table).map((definition) => new Route(definition))
    for (const route of this.routes) this.#add(route)
  }

  /**
   * @returns the route, or the methods that the path does have: none when there is no such path.
   * @throws {SomaError} `call/malformed` when a parameter is not percent-encoded UTF-8.
   */
  find(method: string, path: string): Match | { readonly allow: readonly string[] } {
    const route = this.#literal.get(`${method} ${path}`)
    return route ? { route, parameters: none } : this.#walk(method, path)
  }

  #walk(method: string, path: string): Match | { readonly allow: readonly string[] } {
    const segments = path.split('/')
    const allow: string[] = []
    for (const [step, values] of candidates(this.#root, segments, 1, [])) {
      const route = step.routes.get(method === 'HEAD' ? 'GET' : method)
      if (route && !(method === 'HEAD' && route.definition.events)) return { route, parameters: nameValues(route, values) }
      for (const other of step.routes.values()) allow.push(...methodsOf(other))
    }
    return { allow }
  }

  #add(route: Route): void {
    if (route.parameters.length === 0) this.#literal.set(route.definition.http, route)
    let step = this.#root
    for (const segment of route.path.split('/').slice(1)) {
      step = segment.startsWith('{') ? (step.parameter ??= newStep()) : literalStep(step, segment)
    }
    step.routes.set(route.method, route)
  }
}

function* candidates(
  step: Step,
  segments: readonly string[],
  index: number,
  values: readonly string[],
): Generator<[Step, readonly string[]]> {
  const segment = segments[index]
  if (segment === undefined) {
    if (step.routes.size > 0) yield [step, values]
    return
  }
  const literal = step.literals.get(segment)
  if (literal) yield* candidates(literal, segments, index + 1, values)
  if (step.parameter && segment !== '') yield* candidates(step.parameter, segments, index + 1, [...values, segment])
}

/** A HEAD runs the call and drops the body; a stream would have nothing to say to it. */
function methodsOf(route: Route): readonly string[] {
  return route.method === 'GET' && !route.definition.events ? ['GET', 'HEAD'] : [route.method]
}

function nameValues(route: Route, values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(route.parameters.map((name, index) => [name, decodeSegment(values[index] ?? '')]))
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new SomaError('call/malformed', `the path segment "${segment.slice(0, 80)}" is not percent-encoded UTF-8`, { cause })
  }
}

function holdsTensors(schema: JsonSchema): boolean {
  return Object.hasOwn((schema['$defs'] ?? {}) as object, 'Tensor')
}

function literalStep({ literals }: Step, segment: string): Step {
  const next = literals.get(segment) ?? newStep()
  literals.set(segment, next)
  return next
}

function newStep(): Step {
  return { literals: new Map(), parameter: undefined, routes: new Map() }
}
