/** An `<a>` element without elements inside. */
export interface Link {
  readonly text: string
  readonly attributes: Readonly<Record<string, string>>
}

const anchor = /<a\s/gi
const attribute = /\s*([^\s=>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?/y

/** The links of an index page. No HTML parser: PEP 503 pages are lists of anchors, and anything else in them is not for us. */
export function parseLinks(html: string): Link[] {
  const links: Link[] = []
  let at = 0
  for (const { index } of html.matchAll(anchor)) {
    // Inside of the one before, whose end is far: reading on from each would take the square of the page's length.
    if (index < at) continue
    const { attributes, end } = parseAttributes(html, index + 2)
    at = end
    if (html[end] !== '>') continue
    const close = html.indexOf('<', end)
    links.push({ attributes, text: unescaped(html.slice(end + 1, close < 0 ? undefined : close)) })
  }
  return links
}

function parseAttributes(html: string, start: number): { readonly attributes: Record<string, string>; readonly end: number } {
  const attributes: Record<string, string> = {}
  let end = start
  attribute.lastIndex = start
  for (let match = attribute.exec(html); match; match = attribute.exec(html)) {
    const [, name = '', double, single, bare] = match
    attributes[name.toLowerCase()] = unescaped(double ?? single ?? bare ?? '')
    end = attribute.lastIndex
  }
  while (/\s/.test(html[end] ?? '')) end++
  return { attributes, end }
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,6})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return entities[name] ?? whole
    const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}
