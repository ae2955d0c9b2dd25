import type { LoadedModel } from '@soma/spec'
import type { Connection } from '../http/connection.ts'

/** A model behind an endpoint. */
export interface Target {
  readonly connection: Connection
  /** Its name there. */
  readonly model: string
}

/** What a model behind an API can be asked. */
export type RemoteMethods = Pick<LoadedModel, 'infer' | 'generate' | 'embed' | 'rerank' | 'transcribe'>
