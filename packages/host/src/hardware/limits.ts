/** Limits of looking at hardware: unit in the name, reason beside it. */

/** nvidia-smi takes 2 s when it has to start the driver, and hangs when the card has fallen off the bus. */
export const PROGRAM_MS_MAX = 5000
/** A line per accelerator; lspci prints 100 bytes per device. */
export const PROGRAM_OUTPUT_BYTES_MAX = 256 * 1024
/** Of one folder of /sys or /dev: a large server has a few hundred. */
export const FOLDER_ENTRIES_MAX = 10_000
/** A prefetchable window at least this large is the whole memory of a card (resizable BAR), a smaller one is a view of it. */
export const BAR_BYTES_MIN = 1024 ** 3
/** How long the memory of accelerators is believed: vendors' programs take 20 to 100 ms. */
export const ACCELERATORS_FRESH_MS = 2000
