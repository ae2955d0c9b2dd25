import type { SomaError } from '@soma/core'
import type { Check, EngineSupport } from '@soma/spec'
import { remedy } from './errors.ts'

/** What `probe` says where there is no Python to load anything with. */
export function unsupported(missing: SomaError, managed: string | undefined): EngineSupport {
  const check: Check = {
    id: 'python',
    title: 'Python with a framework',
    status: 'fail',
    detail: missing.message,
    remedy: remedy(managed),
  }
  return { supported: false, reason: missing.message, devices: [], checks: [check] }
}
