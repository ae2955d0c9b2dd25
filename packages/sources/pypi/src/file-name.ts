import { normaliseName } from './reference.ts'

/** What a distribution's file name says. */
export interface Distribution {
  readonly version: string
  readonly kind: 'zip' | 'tar.gz'
  /** How gladly it is taken, 0 first: pure wheels, other wheels, then source archives. */
  readonly rank: number
}

/** Undefined for what is no wheel and no source archive of this project: eggs, installers, `.tar.bz2`. */
export function parseFileName(fileName: string, project: string): Distribution | undefined {
  return fileName.endsWith('.whl') ? parseWheel(fileName, project) : parseSdist(fileName, project)
}

/** `name-version[-build]-python-abi-platform.whl` */
function parseWheel(fileName: string, project: string): Distribution | undefined {
  const parts = fileName.slice(0, -'.whl'.length).split('-')
  const [name = '', version = ''] = parts
  if ((parts.length !== 5 && parts.length !== 6) || normaliseName(name) !== project) return undefined
  const [python = '', abi, platform] = parts.slice(-3)
  const pure = abi === 'none' && platform === 'any'
  const rank = pure ? (python.split('.').includes('py3') ? 0 : 1) : 2
  return { version, kind: 'zip', rank }
}

/** `name-version.tar.gz`; old ones have dashes in the name, so that the version begins where the rest is the project. */
function parseSdist(fileName: string, project: string): Distribution | undefined {
  const match = /^(.+)(\.tar\.gz|\.tgz|\.zip)$/.exec(fileName)
  const stem = match?.[1] ?? ''
  for (let at = stem.indexOf('-'); at > 0; at = stem.indexOf('-', at + 1)) {
    if (normaliseName(stem.slice(0, at)) !== project || !/^\d|^v\d/i.test(stem.slice(at + 1))) continue
    const zip = match?.[2] === '.zip'
    return { version: stem.slice(at + 1), kind: zip ? 'zip' : 'tar.gz', rank: zip ? 4 : 3 }
  }
  return undefined
}
