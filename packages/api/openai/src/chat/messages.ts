import type { ChatMessage } from '@soma/spec'
import { z } from 'zod'

const TextPart = z.strictObject({ type: z.literal('text'), text: z.string() })
const RefusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string() })
const ImagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string().transform(readImage), detail: z.enum(['auto', 'low', 'high']).nullish() }),
})

const asParts = (content: unknown): unknown => (typeof content === 'string' ? [{ type: 'text', text: content }] : content)
const Texts = z.preprocess(asParts, z.array(TextPart))

const ToolCallSchema = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
})

/** A message as it is sent, as the message it becomes. */
export const MessageSchema = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer']), content: Texts }).transform(({ content }) => message('system', content)),
  z
    .strictObject({ role: z.literal('user'), content: z.preprocess(asParts, z.array(z.discriminatedUnion('type', [TextPart, ImagePart]))) })
    .transform(({ content }) => message('user', content)),
  z
    .strictObject({
      role: z.literal('assistant'),
      content: z.preprocess((content) => asParts(content ?? []), z.array(z.discriminatedUnion('type', [TextPart, RefusalPart]))),
      refusal: z.string().nullish(),
      tool_calls: z.array(ToolCallSchema).nullish(),
    })
    .transform(({ content, refusal, tool_calls: calls }) => ({
      ...message('assistant', refusal ? [...content, { type: 'refusal', refusal }] : content),
      ...(calls && { toolCalls: calls.map(({ id, function: { name, arguments: args } }) => ({ id, name, arguments: args })) }),
    })),
  z
    .strictObject({ role: z.literal('tool'), content: Texts, tool_call_id: z.string() })
    .transform(({ content, tool_call_id: toolCallId }) => ({ ...message('tool', content), toolCallId })),
])

type Part = z.output<typeof TextPart> | z.output<typeof RefusalPart> | z.output<typeof ImagePart>

/** Several texts are told apart by lines; what an assistant refused with is what it said. */
function message(role: ChatMessage['role'], parts: readonly Part[]): ChatMessage {
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : part.type === 'refusal' ? [part.refusal] : []))
  const images = parts.flatMap((part) => (part.type === 'image_url' ? [part.image_url.url] : []))
  return { role, content: texts.join('\n'), ...(images.length > 0 && { images }) }
}

/** The bytes of a `data:` URL. Nothing is fetched: a prompt must not make the daemon connect to anywhere. */
function readImage(url: string, context: z.RefinementCtx<string>): Uint8Array {
  const [head = ''] = url.slice(0, 100).split(',', 1)
  if (!/^data:image\/(png|jpeg|webp);base64$/i.test(head)) {
    context.addIssue({ code: 'custom', message: 'only data: URLs of PNG, JPEG or WebP in base64 are taken; nothing is fetched' })
    return z.NEVER
  }
  const base64 = url.slice(head.length + 1)
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return Buffer.from(base64, 'base64')
  context.addIssue({ code: 'custom', message: 'this is not base64' })
  return z.NEVER
}
