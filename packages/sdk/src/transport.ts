import type { CallOptions, CallStream } from '@soma/spec'

/** How calls reach a daemon. Names and inputs are of the call table; the `Soma` above it has the types. */
export interface Transport extends AsyncDisposable {
  call(name: string, input: unknown, options?: CallOptions): Promise<unknown>
  stream(name: string, input: unknown, options?: CallOptions): CallStream<unknown, unknown>
}
