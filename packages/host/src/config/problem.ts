import { SomaError } from '@soma/core'
import type { z } from 'zod'
import { findSetting, nearestSetting, settingTable } from './setting-table.ts'
import { lineOf } from './toml-edit.ts'

interface Where {
  readonly path: string
  readonly line?: number | undefined
}

/** No setting has this key. */
export function unknownSetting(key: string, where: Where): SomaError {
  const nearest = nearestSetting(key)
  return new SomaError('config/invalid', `${prefix(where)}there is no setting "${key}"; did you mean ${nearest}?`, {
    details: { ...where, key, nearest },
  })
}

/** The setting exists, and does not take this value. */
export function wrongValue(key: string, value: unknown, where: Where): SomaError {
  const expected = findSetting(key)?.expected ?? 'a table of settings'
  const written = JSON.stringify(value)?.slice(0, 80)
  return new SomaError('config/invalid', `${prefix(where)}${key} is ${written}; expected ${expected}`, {
    details: { ...where, key, expected },
  })
}

function prefix({ path, line }: Where): string {
  return line === undefined ? '' : `${path} line ${line}: `
}

/** The first thing wrong with a file, with the number of others. */
export function configProblem(
  issues: readonly z.core.$ZodIssue[],
  written: Readonly<Record<string, unknown>>,
  file: { readonly path: string; readonly text: string },
): SomaError {
  const problems = issues.flatMap((issue) => problemsOf(issue, written, file))
  const [first] = problems
  if (!first) return new SomaError('config/invalid', `${file.path} is not a valid configuration`, { details: { path: file.path } })
  if (problems.length === 1) return first
  return new SomaError('config/invalid', `${first.message} (and ${problems.length - 1} more)`, {
    details: { ...first.details, problems: problems.map((problem) => problem.message) },
  })
}

function problemsOf(
  issue: z.core.$ZodIssue,
  written: Readonly<Record<string, unknown>>,
  file: { readonly path: string; readonly text: string },
): SomaError[] {
  const keys =
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key].join('.')) : [issue.path.slice(0, 2).join('.')]
  return keys.map((key) => {
    const [section = '', name = ''] = key.split('.')
    const where = { path: file.path, line: lineOf(file.text, { section, name }) ?? lineOf(file.text, { section: '', name: section }) ?? 1 }
    const known = findSetting(key) ?? settingTable.find((row) => row.section === key)
    if (!known) return unknownSetting(key, where)
    return wrongValue(key, valueAt(written, key), where)
  })
}

function valueAt(written: Readonly<Record<string, unknown>>, key: string): unknown {
  return key.split('.').reduce<unknown>((table, name) => (table as Record<string, unknown> | undefined)?.[name], written)
}
