#!/usr/bin/env node
import { boot } from '../boot.ts'

await boot(async () => (await import('./table.ts')).axon)
