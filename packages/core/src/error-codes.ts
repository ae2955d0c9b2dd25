/** What one error code means to every face: HTTP status, process exit code, and whether trying again can help. */
export interface ErrorCodeInfo {
  readonly http: number
  /** Exit code of the `soma` command, after sysexits.h where one fits. */
  readonly exit: number
  readonly retryable: boolean
  /** One sentence for the reference page: when this happens and what to do next. */
  readonly summary: string
}

function code(http: number, exit: number, retryable: boolean, summary: string): ErrorCodeInfo {
  return { http, exit, retryable, summary }
}

/** The one table of expected failures. Faces, the exit codes and `docs/reference/errors.md` are derived from it. */
export const errorCodes = {
  'call/unknown': code(404, 64, false, 'No system call has this name. `soma calls` lists the table.'),
  'call/invalid-input': code(400, 65, false, 'The input does not match the call’s schema. The details name the field.'),
  'call/malformed': code(400, 65, false, 'The bytes are not a well-formed request: broken frame, JSON or UTF-8.'),
  'call/unsupported-media-type': code(
    415,
    65,
    false,
    'The call takes no body of this content type or encoding. JSON and application/x-soma-frame always work.',
  ),
  'call/method-not-allowed': code(405, 64, false, 'The path exists, but not with this method. The Allow header lists those it has.'),
  'call/too-large': code(413, 65, false, 'The request, frame or document is over its limit. The details name the limit.'),
  'call/cancelled': code(499, 130, false, 'The caller cancelled, or went away.'),
  'call/timeout': code(504, 75, true, 'The call took longer than its limit.'),
  'call/host-refused': code(403, 77, false, 'The Host or Origin header is not one this daemon answers to.'),
  'capability/unauthenticated': code(401, 77, false, 'The bearer token is unknown, expired or revoked. Make one with `soma token create`.'),
  'capability/denied': code(403, 77, false, 'The caller holds no capability for this. The details name the resource and the right.'),
  'capability/not-found': code(404, 66, false, 'No capability has this id. `soma capability list` shows them.'),
  'capability/exceeds-parent': code(403, 77, false, 'A derived capability may only be weaker than its parent.'),
  'capability/quota-exhausted': code(429, 75, true, 'The capability’s quota is used up. The details say when it refills.'),
  'model/not-found': code(404, 66, false, 'No installed model has this name. `soma model list` shows them.'),
  'model/exists': code(
    409,
    73,
    false,
    'A different package is installed under this name. Choose another name, or replace it with `--replace`.',
  ),
  'model/in-use': code(409, 75, true, 'The model is running. Unload it first.'),
  'model/pinned': code(409, 73, false, 'The model is pinned to its version. `soma model pin --off` lets it change again.'),
  'model/no-version': code(404, 66, false, 'There is no such earlier version to go back to. `soma model show` lists those kept.'),
  'model/input-mismatch': code(
    422,
    65,
    false,
    'An input tensor does not fit the model’s signature. The details name it, what was expected and what came.',
  ),
  'model/unsupported': code(422, 69, false, 'No engine on this machine can run the package, or the task is not one the engine has.'),
  'model/load-failed': code(
    422,
    70,
    false,
    'The engine could not load the files. `soma model verify` finds damaged ones, `soma model configure` changes settings.',
  ),
  'model/unreadable-input': code(422, 65, false, 'The input bytes could not be decoded: truncated, not an image, or over the pixel limit.'),
  'model/context-overflow': code(
    422,
    65,
    false,
    'The prompt is longer than the model’s context. The details have both lengths; `overflow: "truncate"` cuts its beginning.',
  ),
  'engine/not-found': code(404, 66, false, 'No engine has this id. `soma engine list` shows them.'),
  'engine/crashed': code(502, 70, true, 'The engine process ended during the call. It is started anew by the next one.'),
  'engine/not-ready': code(503, 75, true, 'The engine did not become ready in time, or is waiting out its restart delay.'),
  'engine/missing': code(
    422,
    69,
    false,
    'Something that the engine needs is not installed. The message says what; `soma engine doctor` checks again.',
  ),
  'engine/device-lost': code(503, 70, true, 'The accelerator went away or failed. The next call loads the model anew.'),
  'engine/protocol': code(502, 70, false, 'The engine spoke something other than SMI v1.'),
  'engine/failed': code(500, 70, false, 'The engine reported a failure of its own.'),
  'source/invalid-reference': code(400, 65, false, 'The reference cannot be read; expected `<source>/<name>[@version]`.'),
  'source/not-found': code(404, 66, false, 'The source has no such package, version or file.'),
  'source/unauthorized': code(
    401,
    77,
    false,
    'The source wants credentials. The daemon reads them from its own environment: `soma stop`, then `soma serve --detach` with them set.',
  ),
  'source/not-configured': code(
    422,
    78,
    false,
    'The source needs an address or credentials that are not set. The message names the setting.',
  ),
  'source/unavailable': code(503, 69, true, 'The source could not be reached, or answered with an error, after all retries.'),
  'source/rate-limited': code(429, 75, true, 'The source asks to wait. The details say until when.'),
  'source/gated': code(
    403,
    77,
    false,
    'The owner wants terms to be accepted first. The details say at which page. The daemon reads tokens from its own environment: `soma stop`, then `soma serve --detach` with them set.',
  ),
  'source/revoked': code(410, 66, false, 'The pinned revision was taken back at its source. Install another version.'),
  'source/offline': code(
    503,
    69,
    false,
    'Offline mode is on, and this needs the network. `soma config set install.offline false` ends it.',
  ),
  'source/unsupported': code(
    422,
    69,
    false,
    'The source cannot do this: not all can be searched or published to. `soma source list` shows which.',
  ),
  'package/invalid-manifest': code(422, 65, false, 'manifest.yaml is not a valid package manifest. The details say where.'),
  'package/unsafe-path': code(422, 65, false, 'A path leaves the package: absolute, `..`, a link, or a reserved name.'),
  'package/hash-mismatch': code(422, 65, false, 'The bytes that came are not the ones that were promised.'),
  'package/size-mismatch': code(422, 65, false, 'A file has another size than was promised.'),
  'package/archive-refused': code(422, 65, false, 'The archive is corrupt or unsafe: a bomb, a link, a device, or too many entries.'),
  'package/invalid-model': code(
    422,
    65,
    false,
    'A model file is truncated, corrupt or not what its name says. The details name the file and the offset.',
  ),
  'package/no-model': code(
    422,
    65,
    false,
    'The package holds no model of a known format, or several of which one must be chosen. The details name them. `--include <file>` chooses among several.',
  ),
  'package/unsafe-pickle': code(
    422,
    65,
    false,
    'A pickle would call something that loading weights never needs. The details name it. `--allow-unsafe` installs it all the same, and is audited.',
  ),
  'package/unsigned': code(
    403,
    77,
    false,
    'The policy wants a signature by a trusted key, and the package has none. `soma key list` shows whom it trusts.',
  ),
  'package/bad-signature': code(403, 77, false, 'The signature does not fit the files: they were changed, or the key is another one.'),
  'package/licence-refused': code(
    403,
    77,
    false,
    'The policy refuses this licence. `soma config get install.licencesRefused` shows which.',
  ),
  'package/corrupt': code(
    500,
    70,
    false,
    'Installed files no longer match their manifest. The details name them. `soma model verify --repair` fetches them again.',
  ),
  'key/not-found': code(404, 66, false, 'No key has this name or id. `soma key list` shows them.'),
  'key/exists': code(409, 73, false, 'A different key has this name. Choose another name or remove it first.'),
  'file/exists': code(409, 73, false, 'There is something at that path already; nothing is overwritten.'),
  'file/unreadable': code(422, 66, false, 'A file of this machine could not be read. The details name it.'),
  'file/unwritable': code(422, 73, false, 'A file of this machine could not be written. The details name it.'),
  'store/disk-full': code(
    507,
    73,
    true,
    'The disk is full. Nothing was half-installed; free space and try again: `soma model du` shows who uses it.',
  ),
  'store/locked': code(409, 75, true, 'Another daemon holds this data directory.'),
  'store/corrupt': code(500, 70, false, 'A record, blob or log entry no longer matches its checksum. The details name it.'),
  'store/not-found': code(404, 66, false, 'There is no such blob or record.'),
  'store/newer-schema': code(500, 70, false, 'The data was written by a newer Soma. Update, or use another SOMA_HOME.'),
  'audit/corrupt': code(500, 70, false, 'The audit log was altered, cut or forked. The details name the first bad entry.'),
  'resource/exhausted': code(503, 75, true, 'A queue, memory or connection limit is reached. Try again later.'),
  'config/invalid': code(
    400,
    78,
    false,
    'A setting has no such key, or the value is not one it takes. `soma config list` shows those of Soma, `soma engine show` those of an engine.',
  ),
  'daemon/unreachable': code(503, 69, true, 'No daemon answers. Start one with `soma serve --detach`.'),
  'daemon/stopping': code(503, 75, true, 'The daemon is shutting down and takes no new calls.'),
  internal: code(500, 70, false, 'A bug in Soma. The log has the details; please report it.'),
} as const satisfies Record<string, ErrorCodeInfo>

/** Every code a `SomaError` can carry. */
export type ErrorCode = keyof typeof errorCodes

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}
