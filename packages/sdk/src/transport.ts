import { SomaError } from '@soma/core'
import type { CallOptions, CallStream } from '@soma/spec'

/** How calls reach a daemon. Names and inputs are of the call table; the `Soma` above it has the types. Disposing cancels calls under way. */
export interface Transport extends AsyncDisposable {
  call(name: string, input: unknown, options?: CallOptions): Promise<unknown>
  stream(name: string, input: unknown, options?: CallOptions): CallStream<unknown, unknown>
}

/** What calls under way get when their own side disposes the connection. */
export function connectionClosed(): SomaError {
  return new SomaError('call/cancelled', 'the connection was closed')
}
