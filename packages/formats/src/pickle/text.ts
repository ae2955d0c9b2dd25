const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8, or null when it is none. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes)
  } catch {
    return null
  }
}

/** Null for what is not ASCII: its meaning depends on what the loading program says. */
export function decodeAscii(bytes: Uint8Array): string | null {
  let text = ''
  for (const byte of bytes) {
    if (byte > 0x7f) return null
    text += String.fromCharCode(byte)
  }
  return text
}

/** The argument of `UNICODE`: Latin-1 with `\uXXXX` and `\UXXXXXXXX`. Null when Python would not take it. */
export function decodeRawUnicode(bytes: Uint8Array): string | null {
  const raw = Buffer.from(bytes).toString('latin1')
  let bad = false
  // A backslash takes the character behind it along, so that of two backslashes the second begins nothing.
  const text = raw.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^])/g, (whole, escape: string) => {
    if (!/^u/i.test(escape)) return whole
    const point = escape.length > 1 ? Number.parseInt(escape.slice(1), 16) : NaN
    bad ||= !(point <= 0x10ffff)
    return bad ? '' : String.fromCodePoint(point)
  })
  return bad ? null : text
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  a: '\x07',
}

/** The argument of `STRING`: a quoted Python literal of bytes. Null when Python would not take it, or it is not ASCII. */
export function decodeQuoted(bytes: Uint8Array): string | null {
  const raw = Buffer.from(bytes).toString('latin1')
  const [quote] = raw
  if (raw.length < 2 || raw.at(-1) !== quote || (quote !== "'" && quote !== '"')) return null
  let bad = false
  const text = raw.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[^]|$)/g, (whole, escape: string) => {
    if (/^x../.test(escape)) return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    if (/^[0-7]/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8) & 0xff)
    // A lone x, and a backslash at the end, are errors in Python.
    bad ||= escape === 'x' || escape === ''
    return escapes[escape] ?? whole
  })
  // Escapes may have made it anything.
  return bad || /[^\0-\x7f]/.test(text) ? null : text
}
