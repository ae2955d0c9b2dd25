import type { EngineFacts } from './facts.ts'

/** For the error when no engine here runs a format: which could, and what is missing; or that none knows it. */
export function whoRuns(format: string, engines: readonly EngineFacts[]): string {
  const able = engines.filter(({ descriptor }) => descriptor.formats.includes(format))
  const converting = engines.filter(({ descriptor }) => descriptor.converts?.includes(format))
  if (able.length === 0)
    return `no engine here runs the format ${format}${converts(converting)}; the engines run ${formatsOf(engines).join(', ') || 'nothing'}`
  const missing = able.map(({ descriptor, support }) =>
    support?.supported === false
      ? `${descriptor.id} (missing: ${withoutPeriod(support.reason) || 'it cannot run on this machine'})`
      : descriptor.id,
  )
  return `the format ${format} is run by ${missing.join(', ')}; \`soma engine doctor\` says what to install`
}

function converts(engines: readonly EngineFacts[]): string {
  return engines.length === 0 ? '' : `, though ${engines.map(({ descriptor }) => descriptor.id).join(', ')} can write it`
}

function formatsOf(engines: readonly EngineFacts[]): string[] {
  return [...new Set(engines.flatMap(({ descriptor }) => descriptor.formats))].sort()
}

function withoutPeriod(text: string): string {
  return text.replace(/\.$/, '')
}
