import type { ErrorCodeInfo } from '@soma/core'

/** `docs/reference/errors.md`: every code with what it means to each face, and what to do. */
export function errorsReferenceMarkdown(codes: Readonly<Record<string, ErrorCodeInfo>>): string {
  const rows = Object.entries(codes).map(
    ([code, { http, exit, retryable, summary }]) =>
      `| \`${code}\` | ${http} | ${exit} | ${retryable ? 'yes' : 'no'} | ${summary.replaceAll('|', '\\|')} |`,
  )
  return [
    '# Errors',
    '',
    'Generated from `packages/core/src/error-codes.ts`; do not edit.',
    '',
    'Over HTTP an error is a problem document (RFC 9457) with `code`, `retryable` and `details`; the `soma` command ends with the exit code.',
    '',
    '| code | HTTP | exit | retry | when, and what to do |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
