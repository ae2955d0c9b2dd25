import { SomaError } from '@soma/core'
import type { ToolCall } from '@soma/spec'
import { TOOL_CALLS_MAX } from '../limits.ts'

/** Requests for tools, put together from their pieces. */
export class ToolCalls {
  readonly #calls = new Map<number, { id: string; name: string; arguments: string }>()

  get size(): number {
    return this.#calls.size
  }

  add(
    index: number,
    piece: { readonly id?: string | undefined; readonly name?: string | undefined; readonly arguments?: string | undefined },
  ): void {
    if (!this.#calls.has(index) && this.#calls.size >= TOOL_CALLS_MAX)
      throw new SomaError('engine/failed', `the answer asks for more than ${TOOL_CALLS_MAX} tools`)
    const call = this.#calls.get(index) ?? { id: '', name: '', arguments: '' }
    this.#calls.set(index, call)
    call.id ||= piece.id ?? ''
    call.name ||= piece.name ?? ''
    call.arguments += piece.arguments ?? ''
  }

  /** Those with no id of their own get one by their place. */
  *finished(): Generator<ToolCall> {
    for (const [index, call] of this.#calls) yield { ...call, id: call.id || `call_${index}`, arguments: call.arguments || '{}' }
  }
}
