import type { ForeignMoment, GenerateResult, TokenUsage, ToolCall } from '@soma/spec'

export interface CompletionKind {
  /** Of its ids. */
  readonly prefix: string
  readonly object: string
  readonly model: string
  readonly fingerprint: string
}

/** What every completion, and every chunk of one, begins with. The id names the call in the audit log. */
export function completionHead({ prefix, object, model, fingerprint }: CompletionKind, { callId, now }: ForeignMoment): object {
  return { id: `${prefix}-${callId}`, object, created: Math.floor(now / 1000), model, system_fingerprint: fingerprint }
}

export function finishReason(finish: GenerateResult['finish']): string {
  return finish === 'tool-calls' ? 'tool_calls' : finish
}

export function toolCall({ id, name, arguments: args }: ToolCall): object {
  return { id, type: 'function', function: { name, arguments: args } }
}

export function usageOf({ promptTokens, cachedTokens, generatedTokens }: TokenUsage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: generatedTokens,
    total_tokens: promptTokens + generatedTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}
