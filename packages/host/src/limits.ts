/** Limits of this package: unit in the name, reason beside it. */

/** A configuration file. Ours is 2 KiB when every setting is written out; more than this is the wrong file. */
export const CONFIG_BYTES_MAX = 1024 * 1024
/** The daemon's own log file. When it is full it becomes `<file>.1`, so two of these are the most it takes on disk. */
export const LOG_FILE_BYTES_MAX = 16 * 1024 * 1024
/** Files under /proc and /sys that we read are a few KiB; a cgroup's memory.stat is the largest, below 8 KiB. */
export const PROC_FILE_BYTES_MAX = 1024 * 1024
/** `setTimeout` fires at once for a longer delay (2^31 - 1 ms, 24.8 days), so longer ones are waited for in parts. */
export const TIMER_MS_MAX = 2 ** 31 - 1
/** `sun_path` without its final zero byte. */
export const SOCKET_PATH_BYTES_MAX: Readonly<Record<'linux' | 'other', number>> = { linux: 107, other: 103 }
/** Random bytes fetched from the kernel at once: 256 ids. */
export const RNG_POOL_BYTES = 4096
/** The daemon file: a pid and a handful of addresses. */
export const DAEMON_FILE_BYTES_MAX = 64 * 1024
/** Between SIGTERM and SIGKILL: enough for an engine to free what it holds, short enough that stopping feels immediate. */
export const KILL_GRACE_MS = 2000
/** Of 1,000: a process counts as if it took so much more of all memory than it does. */
export const OOM_SCORE_ADDED = 300
/** Last lines of a child's stderr that are kept for the error message when it ends unexpectedly. */
export const CHILD_LINES_KEPT = 20
/** One line of a child's stderr, in UTF-16 units; the rest of a longer one is dropped. */
export const CHILD_LINE_LENGTH_MAX = 4096
/** Lines of one child that reach the log per second; a child that prints in a loop must not fill the disk. */
export const CHILD_LINES_PER_SECOND_MAX = 100
/** Pid files read at start; a daemon has a few dozen children at most. */
export const PID_FILES_MAX = 10_000
/** A pid file: two pids, two start times, a boot id and a name. */
export const PID_FILE_BYTES_MAX = 4096
/** How long a killed orphan may take to disappear; SIGKILL works at once unless the kernel itself is stuck. */
export const REAP_WAIT_MS_MAX = 2000
/** How long the rest of an ended child's stderr is waited for: it is in the pipe already, unless somebody else holds its other end. */
export const STDERR_DRAIN_MS_MAX = 500
/** Connecting over a bad mobile link takes 3 s; after this the host is not there. */
export const HTTP_CONNECT_MS_MAX = 10_000
/** Registries that build an index page on demand take up to 30 s for the first byte. */
export const HTTP_HEADERS_MS_MAX = 60_000
/** Silence inside a body. The installer resumes what is cut, so waiting longer gains nothing. */
export const HTTP_IDLE_MS_MAX = 30_000
/** Hubs use up to three (permanent link, object store, CDN); curl and browsers allow 20 to 50. */
export const HTTP_REDIRECTS_MAX = 10
/** Sockets to one host: parallel files of a few installs. More is impolite, and slower over one link. */
export const HTTP_CONNECTIONS_PER_HOST_MAX = 16
/** Different sets of certificates and proxies kept connected; the environment's, npm's and pip's are three. */
export const HTTP_AGENTS_MAX = 8
/** Read ahead of a body's reader: four socket reads. 64 KiB reached 0.7× of this throughput. */
export const HTTP_BODY_BUFFER_BYTES = 256 * 1024
/** A netrc file: a few hundred hosts. */
export const NETRC_BYTES_MAX = 64 * 1024
/** A server that did not answer is asked after its mirrors for so long: connecting to it takes 10 s each time. */
export const HTTP_DOWN_MS = 60_000
