import type { LoadedModel } from '@soma/spec'
import type { Connection } from '../http/connection.ts'

/** A model behind an endpoint. */
export interface Target {
  readonly connection: Connection
  /** Its name there. */
  readonly model: string
  readonly times: Times
}

/** Waiting, which only the process's entry has. */
export interface Times {
  readonly sleep: (delayMs: number, options: { readonly signal: AbortSignal }) => Promise<unknown>
  readonly deadline: (delayMs: number) => AbortSignal
}

/** What a model behind an API can be asked. */
export type RemoteMethods = Pick<LoadedModel, 'infer' | 'generate' | 'embed' | 'rerank' | 'transcribe'>
