import type { Json } from '@soma/core'

export type Schema = Readonly<Record<string, Json>>

export function isSchema(value: Json | undefined): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Writes the rules of one grammar. */
export interface RuleWriter {
  /** @returns an expression for the values of a schema. */
  visit(schema: Json, depth: number): string
  /** Names an expression. */
  add(body: string): string
}
