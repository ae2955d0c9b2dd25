import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SomaError } from '@soma/core'
import type { CallInput } from '@soma/spec'
import { readInput } from '../input/read.ts'
import { ATTACHMENT_BYTES_MAX } from '../limits.ts'

/** A file that belongs to what is said: a text, or a picture. */
export type Attachment = { readonly name: string } & ({ readonly text: string } | { readonly image: Uint8Array })

export type Message = NonNullable<CallInput<'model.generate'>['messages']>[number]

/** First bytes of the pictures that models take. */
const pictureHeads: readonly RegExp[] = [/^\x89PNG\r\n/, /^\xFF\xD8\xFF/, /^GIF8[79]a/, /^RIFF[^]{4}WEBP/]

/** @throws {SomaError} `call/invalid-input` when it is neither a picture nor a text. */
export async function readAttachment(path: string): Promise<Attachment> {
  const bytes = await readInput(path, process.stdin, ATTACHMENT_BYTES_MAX)
  const name = basename(path)
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  if (pictureHeads.some((pattern) => pattern.test(head))) return { name, image: bytes }
  try {
    return { name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch (cause) {
    throw new SomaError('call/invalid-input', `${path} is neither a picture (PNG, JPEG, GIF, WebP) nor a text in UTF-8`, { cause })
  }
}

/** What is said, with its files: texts stand under their names, pictures go along. */
export function messageOf(said: string, attachments: readonly Attachment[]): Message {
  const texts = attachments.flatMap((file) => ('text' in file ? [`${file.name}:\n\n${file.text.trimEnd()}`] : []))
  const images = attachments.flatMap((file) => ('image' in file ? [file.image] : []))
  return { role: 'user', content: [said, ...texts].filter(Boolean).join('\n\n'), ...(images.length > 0 && { images }) }
}

/**
 * The files of a line into which some were dropped: a terminal types their paths, quoted or with escaped spaces.
 * Only whole words that name a file which is there count; the rest of the line is what was said.
 */
export function takeDroppedFiles(line: string, isThere: (path: string) => boolean = isFile): { said: string; paths: string[] } {
  const paths: string[] = []
  const said = line.replace(/(^|\s)('[^']+'|"[^"]+"|(?:\\.|\S)+)(?=\s|$)/g, (whole, before: string, word: string) => {
    const path = pathOf(word)
    if (path === undefined || !isThere(path)) return whole
    paths.push(path)
    return before
  })
  return { said: said.replaceAll(/\s+/g, (gap) => (gap.includes('\n') ? gap : ' ')).trim(), paths }
}

function pathOf(word: string): string | undefined {
  const bare = /^(['"]).*\1$/.test(word) ? word.slice(1, -1) : word.replace(/\\(.)/g, '$1')
  if (bare.startsWith('file://') && URL.canParse(bare)) return fileURLToPath(bare)
  if (bare.startsWith('~/')) return homedir() + bare.slice(1)
  return /^\.{0,2}\//.test(bare) ? bare : undefined
}

/** Whether a word of what is said is the path of a file that is there; `may` and `it` are none, whatever lies in this folder. */
export function isFileName(word: string): boolean {
  return /[./]/.test(word) && isFile(word)
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  } catch {
    // Longer than a path can be, or where nobody may look.
    return false
  }
}
