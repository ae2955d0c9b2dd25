import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SomaError } from '@soma/core'
import { type Document, parseDocument } from 'yaml'
import type { CommandContext } from '../command.ts'

/** Axon's own settings: the daemon's Axon source reads the address of the registry there, if the environment does not say it. */
export function registryFile({ env }: CommandContext): string {
  return join(env['HOME'] ?? '/', '.axon', 'config.yaml')
}

/** @returns undefined when no registry is set. @throws {SomaError} `config/invalid`. */
export async function readRegistry(path: string): Promise<string | undefined> {
  const url = (await open(path)).getIn(['registry', 'url'])
  return typeof url === 'string' ? url : undefined
}

/** Writes the address of the registry; whatever else the file says, comments too, stays. */
export async function writeRegistry(path: string, url: string): Promise<void> {
  const document = await open(path)
  document.setIn(['registry', 'url'], url)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(`${path}.new`, document.toString(), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

async function open(path: string): Promise<Document> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new SomaError('config/invalid', `cannot read ${path}: ${error.message}`, { cause: error, details: { path } })
  })
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem) throw new SomaError('config/invalid', `${path} is no YAML: ${problem.message}`, { details: { path } })
  return document
}
