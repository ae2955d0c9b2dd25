import { delivery } from './delivery-mutations.ts'

/** One line of the sources that guards something, broken; a test must notice. */
export interface Mutation {
  /** `<area>: <what is broken>` */
  readonly name: string
  /** Below `packages/`. */
  readonly file: string
  /** Occurs once in the file. */
  readonly text: string
  readonly replacement: string
  /** Test files, below `packages/`. */
  readonly tests: readonly string[]
}

export interface Area {
  readonly file: string
  readonly tests: readonly string[]
  /** What is broken → the text, and what it becomes. */
  readonly mutations: Readonly<Record<string, readonly [text: string, replacement: string]>>
}

const kernel = 'kernel/src/'
const capabilities = [`${kernel}capabilities/capabilities.test.ts`, `${kernel}capabilities/attenuate.test.ts`]

const areas: Readonly<Record<string, readonly Area[]>> = {
  authorize: [
    {
      file: `${kernel}dispatch/steps.ts`,
      tests: capabilities,
      mutations: {
        'only the first need counts': ['(isList(needs) ? needs : [needs]).map(', '(isList(needs) ? needs.slice(0, 1) : [needs]).map('],
        'the size of the input is not looked at': [
          'capabilities.authorize({ caller, need, inputBytes })',
          'capabilities.authorize({ caller, need, inputBytes: 0 })',
        ],
        'the step is left out': ['authorize, chargeQuota, begin]', 'chargeQuota, begin]'],
      },
    },
    {
      file: `${kernel}capabilities/capability-table.ts`,
      tests: capabilities,
      mutations: {
        'any right will do': ['grant.rights.includes(right) &&', ''],
        'an overlap is enough for everything': [
          '(any ? overlaps(grant.resource, resource) : covers(grant.resource, resource))',
          'overlaps(grant.resource, resource)',
        ],
        'every face will do': ['!grant.constraints.faces.includes(caller.face)', 'false'],
        'the lowest ceiling counts': [
          'isMoreUrgent(priorityMaxOf(entry), priorityMaxOf(best))',
          'isMoreUrgent(priorityMaxOf(best), priorityMaxOf(entry))',
        ],
        'whoever asks holds everything': ['this.heldBy(demand.caller.principal)', 'this.all()'],
      },
    },
    {
      file: `${kernel}capabilities/entry.ts`,
      tests: capabilities,
      mutations: { 'a capability works in the millisecond it expires': ['now >= expiresAt', 'now > expiresAt'] },
    },
    {
      file: 'spec/src/capability/v1/capability.ts',
      tests: ['spec/src/capability/v1/capability.test.ts', ...capabilities],
      mutations: {
        'a name covers what begins with it': [
          'inner.startsWith(outer.slice(0, -1)) : outer === inner',
          'inner.startsWith(outer.slice(0, -1)) : inner.startsWith(outer)',
        ],
      },
    },
    {
      file: 'spec/src/calls/model-run.ts',
      tests: ['spec/src/calls/table.test.ts'],
      mutations: { 'naming a file needs no right': ['[...input.inputs].some(namesFile)', 'false'] },
    },
    {
      file: 'spec/src/calls/model.ts',
      tests: ['spec/src/calls/table.test.ts'],
      mutations: {
        'a reference may lead to any source': ["[{ resource: `source/${scheme}`, right: 'read' }, ...", '[...'],
        'an unsafe install needs no right of its own': ['isSet(allowUnsafe) ?', 'isSet(false) ?'],
      },
    },
    {
      file: `${kernel}capabilities/tokens.ts`,
      tests: capabilities,
      mutations: { 'a token’s id is enough': ['if (record && same)', 'if (record)'] },
    },
  ],
  attenuate: [
    {
      file: `${kernel}capabilities/attenuate.ts`,
      tests: capabilities,
      mutations: {
        'a child may name more': ['if (!covers(parent.resource, child.resource))', 'if (!covers(child.resource, parent.resource))'],
        'a child may have more rights': ['if (extra.length > 0)', 'if (extra.length > parent.rights.length)'],
        'a child may outlive its parent': ['if (expiry(child) > expiry(parent))', 'if (expiry(child) > expiry(parent) + 1000)'],
        'no faces mean none': ["(child.faces ?? ['all'])", '(child.faces ?? [])'],
        'a child may take larger inputs': ['(child.inputBytesMax ?? Infinity)', '(child.inputBytesMax ?? 0)'],
        'a child may be more urgent': ['if (atMost(priorityMax, parent.priorityMax) !== priorityMax)', 'if (false)'],
        'a child may have no quota': ['if (child && ratePerMs(child)', 'if (!child) return undefined\n  if (ratePerMs(child)'],
        'a child may call more often': ['ratePerMs(child) <= ratePerMs(parent) && ', ''],
      },
    },
    {
      file: `${kernel}capabilities/capabilities.ts`,
      tests: capabilities,
      mutations: {
        'anybody derives from anything': ['if (entry?.holder !== caller.principal) throw', 'if (entry === undefined) throw'],
        'anybody revokes anything': ['if (entry && link.holder === caller.principal) return entry', 'if (entry) return entry'],
        'an expired one goes on having children': ['isExpired(parent, this.#deps.clock.now())', 'false'],
      },
    },
  ],
  revoke: [
    {
      file: `${kernel}capabilities/handlers.ts`,
      tests: capabilities,
      mutations: {
        'descendants come back at the next start': ['const revoked = subtree(root)', 'const revoked = [root]'],
        'streams go on': ['active.revoke(revoked)', ''],
        'the token stays': ['tokens.remove(holder)', ''],
      },
    },
    {
      file: `${kernel}capabilities/capability-table.ts`,
      tests: capabilities,
      mutations: { 'descendants stay': ['for (const entry of subtree(root))', 'for (const entry of [root])'] },
    },
  ],
  quota: [
    {
      file: `${kernel}capabilities/quota.ts`,
      tests: capabilities,
      mutations: {
        'ancestors pay nothing': ['link = link.parent', 'link = null'],
        'nothing is counted': ['usage.used += calls', 'usage.used += 0'],
        'one call too many': ['?? Infinity) < calls', '?? Infinity) < calls - 1'],
      },
    },
    {
      file: `${kernel}dispatch/steps.ts`,
      tests: capabilities,
      mutations: { 'it is full again at the next start': ['charged.add(entry)', 'void entry'] },
    },
  ],
  audit: [
    {
      file: 'store/src/log/entry-walk.ts',
      tests: ['store/src/log/disk-audit-log.test.ts'],
      mutations: {
        'the chain is not followed': ['hashes.length === 0 || hashes.includes(entry.hash)', 'hashes.length >= 0'],
        'gaps are not seen': ['if (seq === first) return', 'if (seq >= first) return'],
      },
    },
    {
      file: 'store/src/log/chain.ts',
      tests: ['store/src/log/disk-audit-log.test.ts'],
      mutations: {
        'an entry is not tied to the one before': ["hash('sha256', previousHash + body)", "hash('sha256', previousHash.slice(64) + body)"],
      },
    },
    {
      file: 'store/src/log/checkpoint-signature.ts',
      tests: ['store/src/log/disk-audit-log.test.ts'],
      mutations: {
        'Ed25519 is not checked': ['holds(ed25519, checkpoint.ed25519)', 'true'],
        'ML-DSA is not checked': ['holds(mlDsa65, checkpoint.mlDsa65)', 'true'],
      },
    },
    {
      file: 'store/src/log/checkpoint-walk.ts',
      tests: ['store/src/log/disk-audit-log.test.ts'],
      mutations: { 'a fork is not seen': ['return onChain === hash ? []', 'return onChain !== undefined ? []'] },
    },
    {
      file: 'store/src/log/disk-audit-log.ts',
      tests: ['store/src/log/disk-audit-log.test.ts'],
      mutations: {
        'the witness of the head is not heard': ["typeof witness === 'object' && witness.seq >= this.#head.seq", 'false'],
        'a cut tail is forgotten at the next start': [
          'new Set([...this.#openingProblems, ...this.#compareHeads()])',
          'this.#compareHeads()',
        ],
      },
    },
    {
      file: `${kernel}audit/verify.ts`,
      tests: [`${kernel}audit/audit.test.ts`],
      mutations: {
        'a changed record is not seen': ['found !== digest', 'false'],
        'a lost record is not seen': ['digest !== null && found === undefined', 'false'],
        'a record that came back is not seen': ['digest === null && found !== undefined', 'false'],
        'a record from nowhere is not seen': ['!written.has(record)', 'false'],
      },
    },
    {
      file: `${kernel}dispatch/dispatcher.ts`,
      tests: [`${kernel}audit/audit.test.ts`],
      mutations: { 'refusals leave no trace': ['end(run, this.#deps, attachments)', 'if (!run.error) end(run, this.#deps, attachments)'] },
    },
  ],
  commit: [
    {
      file: `${kernel}dispatch/steps.ts`,
      tests: [`${kernel}dispatch/dispatch.test.ts`],
      mutations: {
        'what a call requires is not checked': ['effects.check()', ''],
        'a call that was aborted is committed all the same': ['if (run.isAborted) throw abortError(run.signal)\n  effects', 'effects'],
      },
    },
    {
      file: `${kernel}dispatch/run-stream.ts`,
      tests: [`${kernel}dispatch/streams.test.ts`],
      mutations: {
        'a stream goes on when it is aborted': ['if (this.#run.isAborted) throw', 'if (false) throw'],
        'a stream goes on when its capability expires': ['isExpired(entry, now)', 'false'],
      },
    },
    {
      file: `${kernel}dispatch/effects.ts`,
      tests: [`${kernel}dispatch/dispatch.test.ts`],
      mutations: { 'a call that reads may write': ['assert(this.#mutates,', 'assert(true,'] },
    },
  ],
  models: [
    {
      file: 'models/src/registry/verify.ts',
      tests: ['models/src/registry/registry.test.ts'],
      mutations: {
        'a changed file is sound': ["found === expected ? 'ok'", "found !== null ? 'ok'"],
        'a corrupt record is passed over': ['if (!model) return { name, ok: false,', 'if (!model) return { name, ok: true,'],
        'a model is sound whatever its files are': ["ok: whole && signature !== 'bad'", "ok: signature !== 'bad'"],
      },
    },
    {
      file: 'models/src/registry/verify.ts',
      tests: ['models/src/signing/policy.test.ts', 'models/src/signing/signing.test.ts', 'models/src/registry/verify.test.ts'],
      mutations: { 'a model is sound whatever its signature is': ["ok: whole && signature !== 'bad'", 'ok: whole'] },
    },
    {
      file: 'models/src/signing/judge.ts',
      tests: ['models/src/signing/signing.test.ts', 'models/src/signing/policy.test.ts'],
      mutations: {
        'another file than the signed one is good enough': ['expected !== undefined && expected !== digest', 'false'],
        'a file that nobody signed comes along': ['expected === undefined && !ignores(path)', 'false'],
        'a signed file may be missing': ['!files.has(path) && !mayLack(path)', 'false'],
        'a signature is not checked': ['if (known && !holds(', 'if (known && false && !holds('],
        'half of a hybrid key is enough': ['?? halfMissing(opinions)', ''],
        'any known key is trusted': ['key?.trusted && held !== undefined', 'held !== undefined'],
      },
    },
    {
      file: 'formats/src/pickle/allowed.ts',
      tests: ['formats/src/pickle/scan.test.ts'],
      mutations: {
        'a pickle may call what is on no list': ["allowed.get(module)?.get(name) ?? 'none'", "allowed.get(module)?.get(name) ?? 'call'"],
      },
    },
    {
      file: 'models/src/install/integrity.ts',
      tests: ['models/src/install/integrity.test.ts', 'models/src/install/transfer.test.ts', 'models/src/install/install.test.ts'],
      mutations: {
        'the hash of a download is not checked': ['if (found !== integrity.digest)\n      throw', 'if (false)\n      throw'],
        'a promised prefix of a hash is not checked': ['!found.startsWith(sha256Prefix)', 'false'],
        'the size of a download is not checked': ['bytes.sizeBytes !== sizeBytes', 'false'],
      },
    },
    {
      file: 'models/src/install/check.ts',
      tests: ['models/src/install/install.test.ts'],
      mutations: { 'the manifest’s hashes are not checked': ['if (sha256 && `sha256:${sha256}` !== blob.digest)', 'if (false)'] },
    },
    {
      file: 'store/src/blobs/expectation.ts',
      tests: ['store/src/blobs/disk-blob-store.test.ts', 'store/src/blobs/disk-partial.test.ts'],
      mutations: { 'a blob may be another one': ['digest !== undefined && actual.digest !== digest', 'false'] },
    },
    {
      file: 'spec/src/package/v1/manifest.ts',
      tests: ['spec/src/calls/table.test.ts'],
      mutations: {
        'a path may leave its package': ["if (parts.includes('..'))", "if (parts[0] === '..')"],
        'a path may be absolute': ["path.startsWith('/') || ", ''],
        'a path may hold backslashes': ["if (path.includes('\\\\'))", "if (path.startsWith('\\\\'))"],
      },
    },
    {
      file: 'models/src/install/extract/guard.ts',
      tests: ['models/src/install/extract/extract.test.ts'],
      mutations: {
        'an archive may unpack to anything': ['if (this.#bytes > this.#bytesMax)', 'if (false)'],
        'an archive may hold a name twice': ['if (this.#kept.has(fold))', 'if (this.#kept.has(path))'],
      },
    },
  ],
  delivery,
  http: [
    {
      file: 'api/http/src/gate.ts',
      tests: [
        'api/http/src/gate.test.ts',
        'api/http/src/requests.test.ts',
        'api/http/src/hardening.test.ts',
        'api/http/src/service.test.ts',
      ],
      mutations: {
        'every host is ours': ['if (!this.#knows(host.toLowerCase(), request))', 'if (host === undefined)'],
        'pages of every origin may call': ['if (this.#origins.has(origin.toLowerCase())) return origin', 'return origin'],
        'an origin of another port is ours': [
          'origin.toLowerCase() === `http://${host.toLowerCase()}`',
          "origin.toLowerCase().startsWith(`http://${host.toLowerCase().split(':')[0]}`)",
        ],
        'whoever comes through a proxy is local': ['return !proxied && (', 'return ('],
        'whoever comes is local': ["(address === '::1' || address.startsWith('127.'))", 'true'],
      },
    },
  ],
  ipc: [
    {
      file: 'api/ipc/src/socket-file.ts',
      tests: ['api/ipc/src/hardening.test.ts'],
      mutations: {
        'others may enter the socket’s folder': ['await chmod(folder, 0o700)', ''],
        'a living daemon’s socket is removed': ['if (await somebodyAnswers(path, clock)) throw alreadyServed(path)', ''],
      },
    },
  ],
  formats: [
    {
      file: 'formats/src/cursor.ts',
      tests: ['formats/src/reader.test.ts'],
      mutations: {
        'reading goes on behind the end': ['if (!(count <= this.remaining)) throw', 'if (count < 0) throw'],
        'bytes behind the end are skipped': ['if (!(count >= 0 && count <= this.remaining))', 'if (!(count >= 0))'],
      },
    },
    {
      file: 'formats/src/reader.ts',
      tests: ['formats/src/reader.test.ts'],
      mutations: { 'a range may leave the file': ['begin >= 0 && begin <= end && end <= sizeBytes', 'begin >= 0 && begin <= end'] },
    },
    {
      file: 'formats/src/gguf/tensor-scan.ts',
      tests: ['formats/src/gguf/gguf-header.test.ts'],
      mutations: {
        'a GGUF tensor may leave the file': ['if (end > section.sizeBytes)', 'if (begin > section.sizeBytes)'],
        'GGUF tensors may overlap': ['if (next && next.begin < tensor.end)', 'if (next && next.begin < tensor.begin)'],
        'GGUF tensors may have one name': ['if (seen.has(tensor.name))', 'if (seen.size < 0)'],
        'a zero hides an absurd shape': ['elements * Math.max(size, 1), 1)', 'elements * size, 1)'],
      },
    },
    {
      file: 'formats/src/gguf/value-scan.ts',
      tests: ['formats/src/gguf/gguf-header.test.ts'],
      mutations: {
        'a GGUF count is believed': ['if (value > max || value > room)', 'if (value > max)'],
        'GGUF arrays nest without end': ['if (depth >= GGUF_DEPTH_MAX)', 'if (depth < 0)'],
      },
    },
    {
      file: 'formats/src/safetensors/safetensors-header.ts',
      tests: ['formats/src/safetensors/safetensors-header.test.ts'],
      mutations: {
        'safetensors may overlap or leave gaps': ['if (tensor.begin !== next)', 'if (tensor.begin < 0)'],
        'safetensors may end before or behind the file': ['if (next !== room)', 'if (next < 0)'],
        'a safetensors shape need not fit its bytes': ['if (elements * bits !== sizeBytes * 8)', 'if (elements < 0)'],
      },
    },
    {
      file: 'formats/src/json/json-scanner.ts',
      tests: ['formats/src/safetensors/safetensors-header.test.ts'],
      mutations: {
        'a JSON key may come twice': ['if (seen.has(key))', 'if (seen.size < 0)'],
        'JSON may hold any number of values': ['if (++this.#items > JSON_ITEMS_MAX)', 'if (++this.#items < 0)'],
      },
    },
    {
      file: 'formats/src/onnx/external-data.ts',
      tests: ['formats/src/onnx/onnx-header.test.ts'],
      mutations: {
        'weights may lie outside the package': ['checkPackagePath(location)', 'location'],
        'a file with weights may be too short': ['if (endBytes > sizeBytes)', 'if (endBytes < 0)'],
      },
    },
  ],
}

export const mutations: readonly Mutation[] = Object.entries(areas).flatMap(([area, parts]) =>
  parts.flatMap(({ file, tests, mutations }) =>
    Object.entries(mutations).map(([what, [text, replacement]]) => ({ name: `${area}: ${what}`, file, text, replacement, tests })),
  ),
)
