#!/usr/bin/env node
import { boot } from './boot.ts'

await boot(async () => (await import('./commands/registry.ts')).soma)
