// Types, lint, formatting and unused code: everything that reads the sources without running them.
import { run } from './run.ts'

await run('types', ['tsc', '-b'])
await run('lint', ['oxlint', '--type-aware', '--deny-warnings'])
await run('format', ['oxfmt', '--check'])
await run('unused code', ['knip', '--no-progress', '--no-config-hints'])
