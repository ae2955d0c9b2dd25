import { publicUrl } from '@soma/spec'

/** What was asked for may carry what a server wanted to see; who lists models, or may not follow it, must not. */
export function publicReference(reference: string): string {
  const url = reference.startsWith('url/') ? reference.slice('url/'.length) : ''
  return URL.canParse(url) ? `url/${publicUrl(url)}` : reference
}
