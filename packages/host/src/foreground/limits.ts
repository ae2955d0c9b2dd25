/** Limits of watching for programs of the foreground: unit in the name, reason beside it. */

/** Between two looks at the list of processes; a look takes about 0.5 ms with 300 of them. A game takes longer to load. */
export const LOOK_MS = 2000
/** Launchers end before their game begins, and games start others of themselves: it is over when it was over for so long. */
export const OVER_AFTER_MS = 6000
/** Looks at which a new process is read: it may still be the shell that becomes the program. */
export const READS_OF_NEW = 3
/** Every so many looks everything is read anew, for programs that become others later. */
export const LOOKS_UNTIL_ANEW = 30
/** Processes looked at; beyond, something else is wrong with the machine. */
export const PROCESSES_MAX = 50_000
/** Of a command line; only program and first arguments say what it is. */
export const COMMAND_LINE_LENGTH_MAX = 4096
/** Threads of one process and of all that it started, whose priority is changed. */
export const TASKS_MAX = 10_000
