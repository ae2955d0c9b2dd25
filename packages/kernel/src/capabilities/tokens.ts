import { createHash, timingSafeEqual } from 'node:crypto'
import { type PrincipalId, SomaError, type TokenId, isTokenId, randomId } from '@soma/core'
import type { Store } from '@soma/store'
import { z } from 'zod'
import type { KernelDeps } from '../deps.ts'
import { CHECKED_TOKENS_MAX } from '../limits.ts'
import { readRecords } from './read-records.ts'

export const TOKEN_KIND = 'token'
const TokenRecord = z.strictObject({ id: z.string(), secretHash: z.string(), label: z.string(), createdAt: z.number() })
type TokenRecord = z.output<typeof TokenRecord>

/** 256 bits, so that the hash needs no salt and no slow function. */
const SECRET_BYTES = 32

/** A new token: the text is shown once, only the hash of its secret is kept. */
export interface IssuedToken {
  readonly text: string
  readonly holder: PrincipalId
  readonly record: TokenRecord
}

/** Bearer tokens: `soma_<id>_<secret>`. What a token may do is what its principal's capabilities say. */
export class Tokens {
  readonly #byId = new Map<TokenId, TokenRecord>()
  /** Texts that were checked already: a client sends the same one with every request. */
  readonly #checked = new Map<string, PrincipalId>()
  readonly #deps: KernelDeps

  constructor(deps: KernelDeps) {
    this.#deps = deps
  }

  load(store: Store): void {
    for (const [key, record] of readRecords({ ...this.#deps, store }, TOKEN_KIND, TokenRecord).sound) this.#byId.set(key as TokenId, record)
  }

  /** A new token; `add` makes it work once it is durable. */
  issue(label: string): IssuedToken {
    const id = randomId(this.#deps.rng, 'tok')
    const secret = Buffer.from(this.#deps.rng.bytes(SECRET_BYTES)).toString('base64url')
    const record = { id, secretHash: sha256(secret), label, createdAt: this.#deps.clock.now() }
    return { text: `soma_${id.slice('tok_'.length)}_${secret}`, holder: `token:${id}` as PrincipalId, record }
  }

  add(record: TokenRecord): void {
    this.#byId.set(record.id as TokenId, record)
  }

  remove(holder: PrincipalId): void {
    this.#byId.delete(tokenIdOf(holder))
    this.#checked.clear()
  }

  /**
   * The principal of a token.
   * @throws {SomaError} `capability/unauthenticated`, the same for an unknown id and a wrong secret.
   */
  authenticate(text: string): PrincipalId {
    const known = this.#checked.get(text)
    if (known !== undefined) return known
    const principal = this.#check(text)
    if (this.#checked.size >= CHECKED_TOKENS_MAX) this.#checked.clear()
    this.#checked.set(text, principal)
    return principal
  }

  #check(text: string): PrincipalId {
    const [, body, secret] = /^soma_([0-9a-z]{16})_([\w-]{43})$/.exec(text) ?? []
    const id = `tok_${body}`
    const record = isTokenId(id) ? this.#byId.get(id) : undefined
    const expected = Buffer.from(record?.secretHash ?? sha256('no such token'))
    const same = timingSafeEqual(Buffer.from(sha256(secret ?? '')), expected)
    if (record && same) return `token:${id}` as PrincipalId
    throw new SomaError('capability/unauthenticated', 'the bearer token is unknown, expired or revoked; make one with soma token create')
  }
}

/** `tok_…` of a token's principal. */
export function tokenIdOf(holder: PrincipalId): TokenId {
  return holder.slice('token:'.length) as TokenId
}

export function isTokenHolder(holder: PrincipalId): boolean {
  return holder.startsWith('token:')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
