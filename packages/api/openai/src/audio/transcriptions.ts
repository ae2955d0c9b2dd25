import { SomaError } from '@soma/core'
import type { CallOutput, ForeignCall, ForeignRequest } from '@soma/spec'
import { z } from 'zod'
import { refused } from '../errors.ts'
import { only, readFields, unread } from '../codec.ts'
import { priorityOf } from '../priority.ts'
import { requestId } from '../reply.ts'
import { BOUNDARY_LENGTH_MAX, FORM_PARTS_MAX } from '../limits.ts'
import { deltaStream } from './deltas.ts'
import { formats } from './formats.ts'

/** The texts of the form. What is not here is refused by name. */
const TranscriptionSchema = z.strictObject({
  model: z.string(),
  file: z.instanceof(Blob, { error: 'expected an audio file' }),
  language: z.string().optional(),
  response_format: z.enum(['json', 'text', 'verbose_json', 'srt', 'vtt']).default('json'),
  stream: z.enum(['true', 'false']).optional(),
  temperature: only('0', '0.0'),
  prompt: only(''),
  'timestamp_granularities[]': only('segment'),
  user: unread,
})

/** `POST /audio/transcriptions` */
export function transcribe(request: ForeignRequest): Promise<ForeignCall> {
  return written(request, false)
}

/** `POST /audio/translations`: the same, into English. */
export function translate(request: ForeignRequest): Promise<ForeignCall> {
  return written(request, true)
}

async function written(request: ForeignRequest, translate: boolean): Promise<ForeignCall> {
  const { model, file, language, response_format: format, stream } = readFields(TranscriptionSchema, await readForm(request))
  if (stream === 'true' && format !== 'json' && format !== 'text')
    throw refused('stream', 'unsupported_value', `Unsupported value: 'stream': it goes with response_format json or text, not ${format}.`)
  const audio = new Uint8Array(await file.arrayBuffer())
  const call: ForeignCall = {
    input: { model, audio, translate, language: language === '' ? undefined : language, priority: priorityOf(request) },
    reply: (output, at) => ({ status: 200, ...formats[format](output as CallOutput<'model.transcribe'>), headers: requestId(at) }),
  }
  return stream === 'true' ? { ...call, stream: deltaStream } : call
}

/** Fields that come more than once stay lists, which no field here takes. */
async function readForm({ body, contentType = '' }: ForeignRequest): Promise<Record<string, unknown>> {
  const form = await formOf(body, contentType)
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name)
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}

function formOf(body: Uint8Array, contentType: string): Promise<FormData> {
  const [, quoted, plain] = /^multipart\/form-data\s*;.*?boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined || boundary.length > BOUNDARY_LENGTH_MAX)
    throw refused(null, 'invalid_content_type', 'the body must be multipart/form-data, with the recording as its field "file"')
  checkParts(Buffer.from(body.buffer, body.byteOffset, body.byteLength), `--${boundary}`)
  const whole = new Response(new Uint8Array(body), { headers: { 'content-type': contentType } })
  return whole.formData().catch((cause: unknown) => {
    throw new SomaError('call/malformed', 'the body is no multipart/form-data with that boundary', { cause })
  })
}

/** Before any of them is read. */
function checkParts(body: Buffer, delimiter: string): void {
  let parts = 0
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + delimiter.length)) parts += 1
  if (parts > FORM_PARTS_MAX) throw new SomaError('call/too-large', `the form has more than ${FORM_PARTS_MAX} parts`)
}
