/** Sections of a pip.conf: `[global]` → option → value. */
export type PipConf = Readonly<Record<string, Readonly<Record<string, string>>>>

/**
 * Reads a pip.conf, in the dialect of Python's configparser: `key = value` or `key: value`, `#` and `;` comments on lines of their
 * own, and values that go on in indented lines. Lines that fit nowhere are ignored.
 */
export function parsePipConf(text: string): PipConf {
  const sections: Record<string, Record<string, string>> = {}
  let section: Record<string, string> | undefined
  let option: string | undefined
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim()
    if (trimmed === '' || /^[#;]/.test(trimmed)) continue
    const header = /^\[([^\]]+)\]$/.exec(line.trimEnd())?.[1]
    if (header !== undefined) {
      section = sections[header] ??= {}
      option = undefined
    } else if (/^\s/.test(line) && section && option !== undefined) {
      section[option] = `${section[option]}\n${trimmed}`.trim()
    } else {
      const match = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(trimmed)
      option = match?.[1]?.toLowerCase().replaceAll('_', '-')
      if (section && option !== undefined) section[option] = match?.[2] ?? ''
    }
  }
  return sections
}
