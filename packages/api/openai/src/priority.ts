import type { ForeignRequest, Priority } from '@soma/spec'

/** Says who goes first, where OpenAI's fields have no word for it. */
const PRIORITY_HEADER = 'x-soma-priority'

/** What the client wrote there, for the kernel to check. */
export function priorityOf(request: ForeignRequest, otherwise?: Priority): string | undefined {
  return request.header(PRIORITY_HEADER) ?? otherwise
}
