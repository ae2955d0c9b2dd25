import type { CallDefinition } from '../calls/define-call.ts'
import { type CallDescription, commonErrors, describeCalls } from './describe-calls.ts'
import type { JsonSchema } from './json-schema.ts'
import { fieldsOf, isSchema, typeText } from './type-text.ts'

/** `docs/reference/calls.md`: every call with its fields, errors, rights and HTTP route, then the named types. */
export function callsReferenceMarkdown(table: Readonly<Record<string, CallDefinition>>): string {
  const calls = describeCalls(table)
  return [
    '# System calls',
    '',
    'Generated from the call table in `packages/spec/src/calls`; do not edit.',
    '',
    ...overview(calls),
    `Every call may also fail with ${codes(commonErrors)}. All codes are explained in [errors.md](errors.md).`,
    '',
    ...calls.flatMap((call) => callSection(call, table[call.name])),
    ...typeSections(calls),
  ].join('\n')
}

function overview(calls: readonly CallDescription[]): string[] {
  const rows = calls.map(({ name, summary, http }) => `| [${name}](#${anchor(name)}) | \`${http}\` | ${cell(summary)} |`)
  return ['| call | HTTP | |', '|---|---|---|', ...rows, '']
}

function callSection(call: CallDescription, definition: CallDefinition | undefined): string[] {
  const { name, summary, http, errors } = call
  return [
    `## ${name}`,
    '',
    summary,
    '',
    `- HTTP: \`${http}\``,
    `- Needs: ${call.needs.map(({ resource, right, any }) => `\`${right}\` on ${any ? 'something in ' : ''}\`${resource}\``).join(', ')}`,
    ...(call.mutates ? ['- Changes state: committed together with its audit entry before it answers'] : []),
    ...(call.endless ? ['- Endless: the stream ends when the caller leaves'] : []),
    ...rawBody(definition),
    ...(errors.length > 0 ? [`- Errors: ${codes(errors)}`] : []),
    '',
    ...fieldTable('Input', call.input, true),
    ...(call.events ? fieldTable('Events', call.events, false) : []),
    ...(call.endless ? [] : fieldTable('Output', call.output, false)),
  ]
}

function rawBody(definition: CallDefinition | undefined): string[] {
  if (!definition?.raw) return []
  const parameters = Object.entries(definition.raw.parameters).map(([name, description]) => `\`?${name}=\` ${description}`)
  return [`- Over HTTP a body of any other content type is taken as it is. ${parameters.join('; ')}`]
}

function fieldTable(title: string, schema: JsonSchema, isInput: boolean): string[] {
  const fields = fieldsOf(schema)
  if (fields.length === 0) {
    const text = typeText(schema)
    return text === '{}' ? [`**${title}**: nothing`, ''] : [`**${title}**: \`${text}\``, '']
  }
  const rows = fields.map(({ name, schema, required }) => {
    const notes = [isInput && !required ? defaultText(schema) : '', text(schema['description'])].filter(Boolean).join('; ')
    return `| \`${name}\`${required ? '' : '?'} | \`${cell(typeText(schema))}\` | ${cell(notes)} |`
  })
  return [`**${title}**`, '', '| field | type | |', '|---|---|---|', ...rows, '']
}

function defaultText(schema: JsonSchema): string {
  return schema['default'] === undefined ? 'optional' : `default \`${JSON.stringify(schema['default'])}\``
}

/** The types that calls share, as they come back from a call; what may be left out going in has a default. */
function typeSections(calls: readonly CallDescription[]): string[] {
  const types = new Map<string, JsonSchema>()
  const schemas = calls.flatMap((call) => [call.input, call.events, call.output])
  for (const schema of schemas)
    for (const [id, type] of Object.entries(isSchema(schema?.['$defs']) ? schema['$defs'] : {})) if (isSchema(type)) types.set(id, type)
  if (types.size === 0) return []
  const sorted = [...types].sort(([a], [b]) => (a < b ? -1 : 1))
  return ['# Types', '', ...sorted.flatMap(([id, type]) => [`## ${id}`, '', ...described(type), ...fieldTable('Fields', type, true)])]
}

function described(type: JsonSchema): string[] {
  return typeof type['description'] === 'string' ? [type['description'], ''] : []
}

function codes(list: readonly string[]): string {
  return list.map((code) => `\`${code}\``).join(', ')
}

/** As GitHub makes them: lower case, dots dropped. */
function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll('.', '')
}

function cell(content: string): string {
  return content.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
