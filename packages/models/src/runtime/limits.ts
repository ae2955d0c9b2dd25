/** Limits of the runtime: unit in the name, reason beside it. */

/** From spawn to the answer to `hello`: a Python engine that imports a large framework on a busy machine takes most of it. */
export const HELLO_MS_MAX = 30_000
/** How long a load may take beside reading its files: frameworks are imported, graphs optimized, kernels compiled. Minutes only on busy machines. */
export const LOAD_MS = 120_000
/** Of an engine that runs models elsewhere, which bounds the start of a local server by itself, at an hour at most. */
export const LOAD_MS_REMOTE = 3_660_000
/** A model's files come from a slow disk, or over a network file system: 20 MB a second. */
export const LOAD_BYTES_PER_MS = 20_000
/** How often an engine is asked whether it lives, while a call or a load runs in it. */
export const HEALTH_INTERVAL_MS = 15_000
/** An engine that has not answered `health` for so long hangs. Some engines compute on their only thread, so this bounds one inference. */
export const HANG_MS_MAX = 120_000
/** How long an engine may go on with a cancelled call before it is ended: others wait for its place. */
export const CANCEL_GRACE_MS = 2_000
/** The pause between two looks at whether a cancelled call has ended: doubles from the first to the last. */
export const SETTLE_PAUSE_MS = { first: 2, last: 25 } as const
/** From the end of its stdin until an engine that does not leave by itself is killed. */
export const STOP_GRACE_MS = 2_000
/** How long a process that closed its stdout may take to end before it is killed. */
export const EXIT_GRACE_MS = 1_000

/** The first crash costs no wait, the second this, and each further one twice as much. */
export const RESTART_DELAY_MS = 500
export const RESTART_DELAY_MS_MAX = 60_000
/** Each delay is spread by this share, so that models that fell together do not rise together. */
export const RESTART_JITTER = 0.25
/** A call whose engine was lost under it waits this long for the model's restart delay to pass: two of them. */
export const SECOND_TRY_WAIT_MS_MAX = 2_000
/** Models whose crashes are remembered; the oldest is forgotten first. */
export const RESTART_RECORDS_MAX = 1_000

/** Calls of all models that wait; with `models.queueMax` per model this bounds the memory that waiting inputs take. */
export const QUEUED_CALLS_MAX = 4_096
/** Calls under way in all engines: far more than any machine has CPUs, so it only bounds a mistake. */
export const RUNNING_CALLS_MAX = 256
/** How long a call waits for a place in memory, or a seat, before it gets `resource/exhausted`. */
export const CALL_WAIT_MS_MAX = 300_000
/** A waiting call rises one priority after each of these, and to the front after the last: a batch call waits 40 s at most for its turn. */
export const AGE_MS = 10_000
/** Taken for what a call of a model takes until one was measured. */
export const RUN_MS_GUESS = 500
/** Models whose usual run time is remembered, and callers whose share of it is; the oldest are forgotten first. */
export const COSTS_MAX = 1_000
export const SHARES_MAX = 1_000
/** A model may serve at least as long as its load took before it makes room for another, but no longer than this. */
export const TURN_MS_MAX = 30_000
/** More than one priority apart (`AGE_MS` each): then a model need not wait for the calls of the one that is in memory. */
export const URGENT_MS = 15_000
/** Whoever asks again does so within a few milliseconds of the answer: so long an idle model is not yet given up. */
export const USED_GAP_MS = 50
/** Between two attempts to bring in a model that is to stay in memory. */
export const RETURN_RETRY_MS = 60_000
/** While a program of the foreground has the machine, models stay for so long after a call. */
export const HELD_IDLE_MS = 10_000
/** Idle time after which a model leaves where its setting names none. */
export const IDLE_MS = 300_000
/** Memory that other programs hold may come back, and a pinned model be unpinned: whoever was refused for it may ask again after this. */
export const SHORT_RETRY_MS = { programs: 15_000, pinned: 60_000 } as const
/** Models of which it is remembered what they take and how long they load. */
export const KNOWN_MAX = 1_000
/** What was learned is written so long after it changed, for all models together: losing it to a crash costs little. */
export const KEEP_LEARNED_MS = 30_000
/** Devices of which a record may name bytes: memory, and the accelerators of the largest machines. */
export const DEVICES_MAX = 64
/** Between two measurements of what a model takes. */
export const MEASURE_PAUSE_MS = 5_000
/** How long an engine may take to write a model's state and give its memory back, before its process is ended instead. */
export const PARK_MS_MAX = 60_000
/** Engines that are asked at once what they could do with a model. */
export const EXPLAIN_PARALLEL = 2
/** Of each model, what happened to it last. */
export const HISTORY_MAX = 50

/**
 * Of the machine's memory, what models leave free: a little more than the level from which the pressure watcher wants memory back, so
 * that a load does not bring about the pressure that undoes it.
 */
export const MEMORY_RESERVE = { share: 0.14, bytesMin: 384 * 1024 * 1024, bytesMax: 5632 * 1024 * 1024, shareMax: 0.26 } as const
/** Of an accelerator's own memory, what models leave free: drivers, screens and contexts grow. */
export const ACCELERATOR_RESERVE = 0.05
/** Pieces of generated text under way: hides a round trip, and bounds what a slow reader piles up. */
export const GENERATE_WINDOW = 32
/** Text of one generation, in UTF-16 units: four times the longest prompt. */
export const GENERATED_LENGTH_MAX = 16 * 1024 * 1024

/** How long spare processes stay when no model of their engine is in memory. */
export const SPARE_LINGER_MS = 60_000
/** Engines that the doctor starts at once: each imports its framework, which takes a core. */
export const DOCTOR_PARALLEL = 2
