import { SomaError } from '@soma/core'

/** A Python that was looked at, and why it cannot be used. */
export interface Rejected {
  readonly path: string
  readonly why: string
}

const debian = 'on Debian and Ubuntu: apt install python3-torch'

/** What to do where there is no Python for the engine; the engine itself installs nothing. */
export function remedy(managed: string | undefined): string {
  const own =
    managed === undefined
      ? ''
      : `; or an environment of Soma's own: python3 -m venv ${managed} && ${managed}/bin/pip install torch numpy (for the CPU alone, add --index-url https://download.pytorch.org/whl/cpu)`
  return `${debian}${own}; or name a Python that has them: soma config set engines.python /path/to/python3`
}

export function pythonMissing(rejected: readonly Rejected[], managed: string | undefined): SomaError {
  const found = rejected.length === 0 ? 'there is no Python 3.10 or newer' : rejected.map(({ path, why }) => `${path} ${why}`).join(', ')
  return new SomaError('engine/missing', `no Python here has a framework that runs models: ${found}. Install one, ${remedy(managed)}`, {
    details: { rejected: rejected.map(({ path, why }) => ({ path, why })) },
  })
}
