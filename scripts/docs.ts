// `npm run docs`: writes what is derived from the tables. With --check it writes nothing and fails if something is out of date.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes } from '@soma/core'
import { callTable, callsContract, callsDigestModule, callsReferenceMarkdown, clientCallsModule, errorsReferenceMarkdown } from '@soma/spec'
import { root } from './run.ts'

const files: Readonly<Record<string, string>> = {
  'docs/reference/calls.md': callsReferenceMarkdown(callTable),
  'docs/reference/errors.md': errorsReferenceMarkdown(errorCodes),
  'packages/spec/src/generated/calls-digest.ts': callsDigestModule(createHash('sha256').update(callsContract(callTable)).digest('hex')),
  'packages/sdk/src/generated/calls.ts': clientCallsModule(callTable),
}

const outdated = Object.entries(files).filter(([path, text]) => read(path) !== text)
if (process.argv.includes('--check')) {
  for (const [path] of outdated) console.error(`${path} is out of date; run npm run docs`)
  process.exitCode = outdated.length > 0 ? 1 : 0
} else {
  for (const [path, text] of outdated) writeFileSync(join(root, path), text)
  console.log(outdated.length > 0 ? `wrote ${outdated.map(([path]) => path).join(', ')}` : 'everything is up to date')
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}
