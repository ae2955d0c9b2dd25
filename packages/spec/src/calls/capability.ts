import { z } from 'zod'
import { GrantSchema } from '../capability/v1/capability.ts'
import { defineCall } from './define-call.ts'
import { CapabilityIdSchema, CapabilitySchema, PrincipalSchema } from './values.ts'

const Label = z.string().max(200).default('')

export const capabilityList = defineCall({
  name: 'capability.list',
  summary: 'List capabilities: the caller’s own and all that were derived from them.',
  input: z.strictObject({ holder: PrincipalSchema.optional() }),
  output: z.strictObject({ capabilities: z.array(CapabilitySchema) }),
  right: () => ({ resource: 'capability/*', right: 'list', any: true }),
  http: 'GET /v1/capabilities',
  errors: [],
})

export const capabilityDerive = defineCall({
  name: 'capability.derive',
  summary:
    'Derive a weaker capability from one the caller holds, and give it to a principal; `anonymous` makes something public on this machine.',
  input: z.strictObject({
    parent: CapabilityIdSchema.optional().describe('Defaults to a capability of the caller that covers the grant'),
    holder: PrincipalSchema,
    grant: GrantSchema,
    label: Label,
  }),
  output: z.strictObject({ capability: CapabilitySchema }),
  right: () => ({ resource: 'capability/*', right: 'manage', any: true }),
  mutates: true,
  http: 'POST /v1/capabilities',
  errors: ['capability/not-found', 'capability/exceeds-parent'],
})

export const capabilityIssue = defineCall({
  name: 'capability.issue',
  summary: 'Make a bearer token that holds capabilities derived from the caller’s; the token is shown once.',
  input: z.strictObject({ grants: z.array(GrantSchema).min(1).max(64), label: Label }),
  output: z.strictObject({ token: z.string(), holder: PrincipalSchema, capabilities: z.array(CapabilitySchema) }),
  right: () => ({ resource: 'capability/*', right: 'manage', any: true }),
  mutates: true,
  http: 'POST /v1/capabilities/tokens',
  errors: ['capability/exceeds-parent'],
})

export const capabilityRevoke = defineCall({
  name: 'capability.revoke',
  summary: 'Revoke a capability and everything derived from it, at once.',
  input: z.strictObject({ capability: CapabilityIdSchema }),
  output: z.strictObject({ revoked: z.array(CapabilityIdSchema) }),
  right: () => ({ resource: 'capability/*', right: 'manage', any: true }),
  mutates: true,
  http: 'DELETE /v1/capabilities/{capability}',
  errors: ['capability/not-found'],
})
