/**
 * The schema, as the list of steps that lead to it: step n brings version n - 1 to n. A released step is never changed.
 *
 * `records`: `checksum` covers kind, key, blobs and digest, and `digest` covers the value, so that no column can change
 * unnoticed and what is referenced can be read without the values. Blob references live in the row they belong to: a
 * table of their own could lose a row, and with it a blob that is in use.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE records (
     id INTEGER PRIMARY KEY,
     kind TEXT NOT NULL,
     key TEXT NOT NULL,
     blobs TEXT NOT NULL,
     digest TEXT NOT NULL,
     checksum TEXT NOT NULL,
     value TEXT NOT NULL,
     UNIQUE (kind, key)
   ) STRICT;
   CREATE TABLE events (
     seq INTEGER PRIMARY KEY,
     checksum TEXT NOT NULL,
     body TEXT NOT NULL
   ) STRICT;
   CREATE TABLE log (
     seq INTEGER PRIMARY KEY,
     hash TEXT NOT NULL,
     body TEXT NOT NULL
   ) STRICT;
   CREATE TABLE head (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     seq INTEGER NOT NULL,
     hash TEXT NOT NULL,
     checksum TEXT NOT NULL
   ) STRICT;
   CREATE TABLE checkpoints (
     number INTEGER PRIMARY KEY,
     seq INTEGER NOT NULL,
     hash TEXT NOT NULL,
     at INTEGER NOT NULL,
     ed25519 TEXT NOT NULL,
     ml_dsa65 TEXT NOT NULL,
     position INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE signing_keys (
     algorithm TEXT PRIMARY KEY,
     public_key TEXT NOT NULL
   ) STRICT;`,
]
