import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { SomaError, canonicalJson } from '@soma/core'
import { type CallOutput, type Config, ConfigSchema } from '@soma/spec'
import { TomlError, parse, stringify } from 'smol-toml'
import { CONFIG_BYTES_MAX } from '../limits.ts'
import { ensurePrivateFolder } from '../paths.ts'
import { withEdition } from './editions.ts'
import { configProblem, unknownSetting, wrongValue } from './problem.ts'
import { findSetting, settingTable } from './setting-table.ts'
import { type SettingValue, editToml } from './toml-edit.ts'

/** A setting as `system.configuration` shows it. */
export type Setting = CallOutput<'system.configuration'>['settings'][number]
/** New values by dotted key; null restores the default. */
export type SettingChanges = Readonly<Record<string, Setting['value']>>

type Table = Record<string, unknown>

/** A running daemon takes these from a changed file; the others when it starts, and never again. */
const liveSections: ReadonlySet<string> = new Set(['edition', 'foreground', 'install'])

/**
 * The configuration: where the file says nothing its edition does, and else the defaults. A missing file is an empty one.
 * @throws {SomaError} `config/invalid` naming file, line, key, what it takes and the nearest key.
 */
export function readConfig(path: string): Config {
  return validate(path, readText(path)).config
}

/**
 * All settings, in the schema's order.
 * @throws {SomaError} `config/invalid`.
 */
export function listSettings(path: string): Setting[] {
  const { config, written } = validate(path, readText(path))
  const overlaid = withEdition(written)
  return settingTable.map((row) => ({
    key: row.key,
    value: lookUp(config, row) as Setting['value'],
    default: row.default,
    source: lookUp(written, row) !== undefined ? 'file' : lookUp(overlaid, row) !== undefined ? 'edition' : 'default',
    description: row.description,
    needsRestart: !liveSections.has(row.section),
  }))
}

/**
 * Changes settings in the file, keeping its comments and order, and replaces the file at once.
 * @returns the changed settings as they now are.
 * @throws {SomaError} `config/invalid`; the file is then untouched.
 */
export function setSettings(path: string, changes: SettingChanges): Setting[] {
  const before = readText(path)
  const wanted = validate(path, before).written
  let text = before
  for (const [key, value] of Object.entries(changes)) {
    const row = findSetting(key)
    if (!row) throw unknownSetting(key, { path })
    setIn(wanted, row, value ?? undefined)
    if (!ConfigSchema.safeParse(wanted).success) throw wrongValue(key, value, { path })
    text = editToml(text, row, (value ?? undefined) as SettingValue | undefined)
  }
  replaceFile(path, says(text, wanted) ? text : stringify(wanted))
  return listSettings(path).filter((setting) => Object.hasOwn(changes, setting.key))
}

/** Whether the edited text means what was wanted; if not, comments are given up rather than the meaning. */
function says(text: string, wanted: Table): boolean {
  try {
    return isDeepStrictEqual(withoutEmpty(parse(text)), withoutEmpty(wanted))
  } catch {
    return false
  }
}

function withoutEmpty(table: Table): unknown {
  return JSON.parse(canonicalJson(Object.fromEntries(Object.entries(table).filter(([, section]) => canonicalJson(section) !== '{}'))))
}

function validate(path: string, text: string): { readonly config: Config; readonly written: Table } {
  const written = parseToml(path, text)
  const parsed = ConfigSchema.safeParse(withEdition(written))
  if (parsed.success) return { config: parsed.data, written }
  throw configProblem(parsed.error.issues, written, { path, text })
}

function parseToml(path: string, text: string): Table {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const reason = cause.message.split('\n')[0] ?? ''
    throw new SomaError('config/invalid', `${path} line ${cause.line}: ${reason}`, { cause, details: { path, line: cause.line } })
  }
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path)
    if (bytes.byteLength <= CONFIG_BYTES_MAX) return bytes.toString('utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new SomaError('config/invalid', `${path} cannot be read: ${(cause as Error).message}`, { cause, details: { path } })
  }
  throw new SomaError('config/invalid', `${path} is larger than ${CONFIG_BYTES_MAX} bytes; is it the right file?`, { details: { path } })
}

/** Written beside and renamed, so that a reader sees the old file or the new one. A link is followed, not replaced. */
function replaceFile(path: string, text: string): void {
  ensurePrivateFolder(dirname(path))
  const target = resolveLink(path)
  const temporary = `${target}.${process.pid}`
  try {
    const file = openSync(temporary, 'w', 0o600)
    writeSync(file, text)
    fsyncSync(file)
    closeSync(file)
    renameSync(temporary, target)
  } finally {
    rmSync(temporary, { force: true })
  }
}

function resolveLink(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function lookUp(table: object, { section, name }: { readonly section: string; readonly name: string }): unknown {
  return ((table as Table)[section] as Table | undefined)?.[name]
}

function setIn(table: Table, { section, name }: { readonly section: string; readonly name: string }, value: unknown): void {
  const body = { ...(table[section] as Table | undefined) }
  if (value === undefined) delete body[name]
  else body[name] = value
  table[section] = body
}
