import { errorCodes } from '@soma/core'
import { type CallDefinition, describeCalls } from '@soma/spec'
import { type JsonObject, componentSchemas } from './components.ts'
import { nounOf, operation, pathItemKey } from './operation.ts'

/** The OpenAPI 3.1 description of the HTTP face: every call of the table, its errors, bodies and streams. Pure. */
export function openapiDocument(table: Readonly<Record<string, CallDefinition>>, options: { readonly version: string }): JsonObject {
  const calls = describeCalls(table)
  const paths: Record<string, JsonObject> = {}
  for (const call of calls) {
    const { path, method } = pathItemKey(call.http)
    paths[path] = { ...paths[path], [method]: operation(call, table[call.name]?.raw) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Soma',
      version: options.version,
      description:
        'The system calls of one Soma daemon. Tensors travel as `values` in JSON, or as attachments of an `application/x-soma-frame`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This daemon' }],
    // Anonymous callers on the same machine may do what the owner made public; hence the empty alternative.
    security: [{ bearer: [] }, {}],
    tags: [...new Set(calls.map(({ name }) => nounOf(name)))].map((name) => ({ name })),
    paths: { ...paths, ...servicePaths },
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token made by `soma token create`.' },
      },
      headers: { 'soma-call': { description: 'Id of the call in the audit log.', schema: { type: 'string' } } },
      schemas: { ...componentSchemas(calls), Problem: problemSchema },
    },
  }
}

const problemSchema: JsonObject = {
  type: 'object',
  description: 'A problem document, RFC 9457.',
  properties: {
    type: { type: 'string', description: '`urn:soma:error:<code>`' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What went wrong, with which thing, and what to do next.' },
    code: { type: 'string', enum: Object.keys(errorCodes) },
    retryable: { type: 'boolean', description: 'Whether trying again can help.' },
    details: { type: 'object', additionalProperties: true },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'retryable'],
}

function servicePath(summary: string, contentType: string, schema: JsonObject): JsonObject {
  const responses = { '200': { description: 'It does.', content: { [contentType]: { schema } } } }
  return { get: { summary, tags: ['system'], responses } }
}

const servicePaths: JsonObject = {
  '/healthz': servicePath('Say that the process answers.', 'application/json', { type: 'object' }),
  '/readyz': {
    get: {
      summary: 'Say whether calls are served.',
      tags: ['system'],
      responses: { '200': { description: 'They are.' }, '503': { description: 'Not now; the body says why.' } },
    },
  },
  '/metrics': servicePath('Metrics for scraping, in the Prometheus text format.', 'text/plain', { type: 'string' }),
  '/openapi.json': servicePath('This document.', 'application/json', { type: 'object' }),
}
