/** The version of everything in this repository; package.json files say the same, and a test checks it. */
export const VERSION = '0.1.0'
