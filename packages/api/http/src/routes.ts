import { SomaError } from '@soma/core'
import type { ForeignMoment, HttpMethod, Translator } from '@soma/spec'
import type { RequestContent } from './codec.ts'
import type { Reply } from './reply.ts'
import type { StreamEncoding } from './streams.ts'

/** A method and a path, the call behind them, and how requests become calls and outputs become answers. */
export interface Endpoint {
  readonly method: HttpMethod
  /** `/v1/models/{model}` */
  readonly path: string
  /** Names of the path's parameters, in order. */
  readonly parameters: readonly string[]
  /** The name of the call. */
  readonly call: string
  /** Has nothing to say to a HEAD. */
  readonly streams: boolean
  /** Whose words errors are said in; ours when undefined. */
  readonly translator: Translator | undefined
  /** @throws {SomaError} for a request that makes no call. */
  open(request: EndpointRequest): Task | Promise<Task>
}

export interface EndpointRequest extends RequestContent {
  /** Of the path. */
  readonly parameters: Readonly<Record<string, string>>
  header(name: string): string | undefined
}

/** One request, as a call. */
export interface Task {
  readonly input: unknown
  /** The stream ends only when the client leaves. */
  readonly endless: boolean
  /** How to send the stream; undefined for a client that wants the output alone. */
  stream(at: ForeignMoment): StreamEncoding | undefined
  reply(output: unknown, at: ForeignMoment): Reply
}

export interface Match {
  readonly route: Endpoint
  readonly parameters: Readonly<Record<string, string>>
}

const none: Match['parameters'] = {}

/** A step of a path. Literal steps win over parameters: `/v1/models/verify` is not a model. */
interface Step {
  readonly literals: Map<string, Step>
  parameter: Step | undefined
  readonly routes: Map<string, Endpoint>
}

/** Finds what is behind a method and a path. */
export class RouteTable {
  readonly #root = newStep()
  /** Paths without parameters, which most requests have, are found in one look. */
  readonly #literal = new Map<string, Endpoint>()

  /** Of two with the same method and path the earlier one stays. */
  constructor(routes: Iterable<Endpoint>) {
    for (const route of routes) this.#add(route)
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
      if (route && !(method === 'HEAD' && route.streams)) return { route, parameters: nameValues(route, values) }
      for (const other of step.routes.values()) allow.push(...methodsOf(other))
    }
    return { allow }
  }

  #add(route: Endpoint): void {
    const key = `${route.method} ${route.path}`
    if (route.parameters.length === 0 && !this.#literal.has(key)) this.#literal.set(key, route)
    let step = this.#root
    for (const segment of route.path.split('/').slice(1)) {
      step = segment.startsWith('{') ? (step.parameter ??= newStep()) : literalStep(step, segment)
    }
    if (!step.routes.has(route.method)) step.routes.set(route.method, route)
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
function methodsOf(route: Endpoint): readonly string[] {
  return route.method === 'GET' && !route.streams ? ['GET', 'HEAD'] : [route.method]
}

function nameValues(route: Endpoint, values: readonly string[]): Readonly<Record<string, string>> {
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

function literalStep({ literals }: Step, segment: string): Step {
  const next = literals.get(segment) ?? newStep()
  literals.set(segment, next)
  return next
}

function newStep(): Step {
  return { literals: new Map(), parameter: undefined, routes: new Map() }
}

/** The names in a path's braces. */
export function parametersOf(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
}
