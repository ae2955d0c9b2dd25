import type { ErrorCode } from '@soma/core'
import type { z } from 'zod'
import type { Need } from '../capability/v1/capability.ts'

export type HttpMethod = 'GET' | 'POST' | 'PATCH' | 'DELETE'
/** Method and path. `{field}` takes an input field from the path; other fields come from the query (GET, DELETE) or the body. */
export type HttpRoute = `${HttpMethod} /v1/${string}`

/** What the caller's quota pays. */
export interface Cost {
  readonly calls: number
}

/** How a body of any other content type becomes input fields; path and query give the rest. */
export interface RawBody {
  /** Query parameters that are not input fields but say how to read the body: name → description. */
  readonly parameters: Readonly<Record<string, string>>
  read(body: Uint8Array, parameters: Readonly<Record<string, string>>): Readonly<Record<string, unknown>>
}

/** One row of the system-call table. Everything that faces, clients and docs know of a call is here. */
export interface CallDefinition<
  Input extends z.ZodType = z.ZodType,
  Output extends z.ZodType = z.ZodType,
  Event extends z.ZodType = z.ZodType,
> {
  /** `noun.verb`. */
  readonly name: string
  /** One sentence for the reference, OpenAPI and `soma calls`. */
  readonly summary: string
  readonly input: Input
  readonly output: Output
  /** Present on streaming calls: what is sent before the output. */
  readonly events?: Event
  /** The stream ends only when the caller cancels: there is no useful output. */
  readonly endless?: boolean
  /** What the caller must hold. */
  right(input: z.output<Input>): Need | readonly Need[]
  cost?(input: z.output<Input>): Cost
  /** Changes state: its effects, audit entry and events are committed together before it is acknowledged. */
  readonly mutates?: boolean
  readonly http: HttpRoute
  /** Accepts a request body that is neither JSON nor a frame, so that `curl --data-binary @picture.png` works. */
  readonly raw?: RawBody
  /** The codes that are this call's own; every call may also fail with `call/*`, `capability/*` and `internal`. */
  readonly errors: readonly ErrorCode[]
}

/** Declares a call, keeping the exact types of its schemas. */
export function defineCall<
  const Name extends string,
  Input extends z.ZodType,
  Output extends z.ZodType,
  Event extends z.ZodType = z.ZodNever,
>(
  definition: CallDefinition<Input, Output, Event> & { readonly name: Name },
): CallDefinition<Input, Output, Event> & { readonly name: Name } {
  return definition
}
