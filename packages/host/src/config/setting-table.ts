import { ConfigSchema } from '@soma/spec'
import { closest } from 'fastest-levenshtein'
import { z } from 'zod'

/** What JSON Schema says of one setting. */
interface SettingSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly items?: { readonly type?: string; readonly description?: string }
  readonly default?: z.core.util.JSONType
  readonly description?: string
}

/** One setting as the schema declares it. */
export interface SettingRow {
  /** `http.port`. */
  readonly key: string
  readonly section: string
  readonly name: string
  readonly default: z.core.util.JSONType
  readonly description: string
  /** What it takes, in words: `a whole number from 0 to 65535`. */
  readonly expected: string
}

/** Every setting, in the schema's order. */
export const settingTable: readonly SettingRow[] = readTable()

function readTable(): SettingRow[] {
  const schema = z.toJSONSchema(ConfigSchema, { io: 'input' }) as {
    properties: Record<string, { properties: Record<string, SettingSchema> }>
  }
  return Object.entries(schema.properties).flatMap(([section, { properties }]) =>
    Object.entries(properties).map(([name, setting]) => ({
      key: `${section}.${name}`,
      section,
      name,
      default: setting.default ?? null,
      description: setting.description ?? '',
      expected: describe(setting),
    })),
  )
}

function describe(setting: SettingSchema): string {
  if (setting.enum) return `one of ${setting.enum.join(', ')}`
  if (setting.type === 'boolean') return 'true or false'
  if (setting.type === 'array') return `a list of ${setting.items?.description ?? `${setting.items?.type ?? 'value'}s`}`
  if (setting.type !== 'integer') return `a ${setting.type ?? 'value'}`
  const lowest = setting.minimum ?? (setting.exclusiveMinimum ?? 0) + 1
  const highest = setting.maximum ?? Number.MAX_SAFE_INTEGER
  return highest === Number.MAX_SAFE_INTEGER ? `a whole number from ${lowest} up` : `a whole number from ${lowest} to ${highest}`
}

export function findSetting(key: string): SettingRow | undefined {
  return settingTable.find((row) => row.key === key)
}

/** The key that looks most like `key`: for a name without its section the whole key, for a section the section. */
export function nearestSetting(key: string): string {
  const byName = settingTable.find((row) => row.name === key)
  if (byName) return byName.key
  const candidates = settingTable.map((row) => (key.includes('.') ? row.key : row.section))
  return closest(key, candidates)
}
