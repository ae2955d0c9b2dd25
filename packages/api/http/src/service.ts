import type { CallDefinition, Metric } from '@soma/spec'
import { JSON_CONTENT_TYPE } from './codec.ts'
import { METRICS_CONTENT_TYPE, metricsText } from './metrics-text.ts'
import { openapiDocument } from './openapi/document.ts'
import type { Reply } from './reply.ts'

/** Whether calls can be served now, and if not, why. */
export interface Readiness {
  readonly ready: boolean
  readonly reason?: string
}

export interface ServiceDeps {
  readonly version: string
  readonly metrics: () => readonly Metric[]
  readonly readiness: () => Readiness
}

/** A page beside the calls: for probes, scrapers and people who look around. */
export interface ServicePage {
  /** Answered to anybody who may connect: probes carry no tokens. */
  readonly open: boolean
  reply(): Reply
}

/** The pages by path, all GET. */
export function servicePages(table: Readonly<Record<string, CallDefinition>>, deps: ServiceDeps): ReadonlyMap<string, ServicePage> {
  let openapi: string | undefined
  const index = { name: 'soma', version: deps.version, openapi: '/openapi.json' }
  return new Map<string, ServicePage>([
    ['/', { open: false, reply: () => json(200, index) }],
    ['/healthz', { open: true, reply: () => json(200, { status: 'ok' }) }],
    ['/readyz', { open: true, reply: () => readinessReply(deps.readiness()) }],
    ['/metrics', { open: false, reply: () => ({ status: 200, contentType: METRICS_CONTENT_TYPE, body: metricsText(deps.metrics()) }) }],
    [
      '/openapi.json',
      {
        open: false,
        reply: () => {
          // Made when first asked for: it takes longer than the rest of the start together.
          openapi ??= JSON.stringify(openapiDocument(table, { version: deps.version }))
          return { status: 200, contentType: JSON_CONTENT_TYPE, body: openapi }
        },
      },
    ],
  ])
}

function readinessReply({ ready, reason }: Readiness): Reply {
  return json(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', ...(reason !== undefined && { reason }) })
}

function json(status: number, value: unknown): Reply {
  return { status, contentType: JSON_CONTENT_TYPE, body: `${JSON.stringify(value)}\n` }
}
