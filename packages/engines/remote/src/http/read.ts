import { SomaError } from '@soma/core'
import type { z } from 'zod'
import { unreadable } from '../errors.ts'
import { ANSWER_BYTES_MAX, LINE_LENGTH_MAX } from '../limits.ts'

/** The body, up to a limit. @throws {SomaError} `engine/failed` beyond it. */
export async function readBytes(response: Response, sizeBytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of response.body ?? []) {
    sizeBytes += part.byteLength
    if (sizeBytes > sizeBytesMax) throw new SomaError('engine/failed', `the endpoint’s answer is over ${sizeBytesMax} bytes`)
    parts.push(part)
  }
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
}

/** The body as JSON of a known shape. @throws {SomaError} `engine/failed` when it is something else. */
export async function readJson<Schema extends z.ZodType>(origin: string, response: Response, schema: Schema): Promise<z.output<Schema>> {
  const bytes = await readBytes(response, ANSWER_BYTES_MAX)
  return parseAnswer(origin, new TextDecoder().decode(bytes), schema)
}

/** Text as JSON of a known shape. @throws {SomaError} `engine/failed` when it is something else. */
export function parseAnswer<Schema extends z.ZodType>(origin: string, text: string, schema: Schema): z.output<Schema> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw unreadable(origin, 'something that is not JSON', cause)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw unreadable(origin, `JSON that is not of its API: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`)
}

/** The lines of a body, as they come. @throws {SomaError} `engine/failed` for one that does not end, and when the connection breaks. */
export async function* readLines(origin: string, response: Response): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const part of response.body ?? []) {
      const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LINE_LENGTH_MAX)
        throw new SomaError('engine/failed', `a line of the endpoint’s answer is over ${LINE_LENGTH_MAX} characters`)
      for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
    }
  } catch (error) {
    if (error instanceof TypeError) throw brokenOff(origin, error)
    throw error
  }
  if (rest !== '') yield rest
}

/** The data of server-sent events; their names and comments say nothing that the data does not. */
export async function* readEvents(origin: string, response: Response): AsyncGenerator<string, void, void> {
  let data: string[] = []
  let length = 0
  for await (const line of readLines(origin, response)) {
    if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
    length += line.length
    if (length > LINE_LENGTH_MAX)
      throw new SomaError('engine/failed', `an event of the endpoint’s answer is over ${LINE_LENGTH_MAX} characters`)
    if (line !== '' || data.length === 0) continue
    yield data.join('\n')
    data = []
    length = 0
  }
  if (data.length > 0) yield data.join('\n')
}

/** An answer that ended before its end. */
export function brokenOff(origin: string, cause?: unknown): SomaError {
  return new SomaError('engine/failed', `${origin} broke off in the middle of its answer`, { cause, retryable: true })
}
