import { realpath } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'

/** Where the user's npm is: its built-in and global settings lie beside it. */
export interface NpmLocation {
  /** The package folder of npm itself. */
  readonly npmPath: string
  /** The `node` beside the `npm` command, whose prefix holds `etc/npmrc`. */
  readonly execPath: string
}

const nowhere: NpmLocation = { npmPath: '/nonexistent', execPath: '/usr/local/bin/node' }

/** The first `npm` of PATH. Not the Node that we run on: that one may be a private copy without settings of its own. */
export async function locateNpm(path: string | undefined): Promise<NpmLocation> {
  for (const folder of (path ?? '').split(delimiter).filter((entry) => entry !== '')) {
    const command = await realpath(join(folder, 'npm')).catch(() => undefined)
    // `…/lib/node_modules/npm/bin/npm-cli.js`
    if (command !== undefined) return { npmPath: dirname(dirname(command)), execPath: join(folder, 'node') }
  }
  return nowhere
}
