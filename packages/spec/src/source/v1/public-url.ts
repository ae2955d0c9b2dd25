/** Query parameters that are credentials: bearer tokens, keys, and the signatures of presigned object-store links. */
const secretParameter =
  /^((access|auth|id|private|refresh|job)[-_]?)?token$|secret|passw(or)?d|credential|api[-_]?key|^(auth|authorization|key|sig|signature)$|^x-(amz|goog|ms)-/i
/** What else a presigned link carries: it is worth nothing without the signature, and changes with each link to the same file. */
const signedParameter = /^(expires|policy|key-pair-id|googleaccessid|awsaccesskeyid|s[eprtv]|spr|skoid|sktid|skt|ske|sks|skv)$/i

/**
 * A URL as it may be shown, logged and stored: without user, password, fragment, and query parameters that carry credentials.
 * @throws {TypeError} when `url` is no absolute URL.
 */
export function publicUrl(url: string | URL): string {
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  shown.hash = ''
  const names = new Set(shown.searchParams.keys())
  const signed = names.has('sig') || names.has('Signature')
  // Nothing is touched without need: deleting a parameter rewrites the escapes of all others.
  for (const name of names) if (secretParameter.test(name) || (signed && signedParameter.test(name))) shown.searchParams.delete(name)
  return shown.href
}

/**
 * A reference as it may be shown, logged and stored: an address in it as `publicUrl` has it. The fragment, which pins what is there,
 * stays.
 */
export function publicReference(reference: string): string {
  const [scheme = ''] = reference.split('/', 1)
  const address = reference.slice(scheme.length + 1)
  if (!/^https?:/i.test(address) || !URL.canParse(address)) return reference
  const { hash } = new URL(address)
  const isSecret = [...new URLSearchParams(hash.slice(1)).keys()].some((name) => secretParameter.test(name))
  return `${scheme}/${publicUrl(address)}${isSecret ? '' : hash}`
}
