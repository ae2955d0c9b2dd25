/** Query parameters that carry credentials: bearer tokens, and the signatures of presigned object-store links. */
const secretParameter = /token|secret|passw|signature|credential|api[-_]?key|auth|^(sig|key|sas|se|sp|sv|sr)$|^x-(amz|goog|ms)-/i

/**
 * A URL as it may be shown, logged and stored: without user, password, fragment, and query parameters that carry credentials.
 * @throws {TypeError} when `url` is no absolute URL.
 */
export function publicUrl(url: string | URL): string {
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  shown.hash = ''
  for (const name of new Set(shown.searchParams.keys())) if (secretParameter.test(name)) shown.searchParams.delete(name)
  return shown.href
}
