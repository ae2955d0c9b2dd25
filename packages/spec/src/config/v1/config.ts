import { logLevels } from '@soma/core'
import { z } from 'zod'
import { editionNames } from './edition-names.ts'

/**
 * What comes before models when nobody says otherwise: games as their launchers start them, and programs that need the
 * whole machine. Launchers themselves may sit in the tray all day.
 */
const foregroundPrograms = [
  'reaper SteamLaunch',
  'proton',
  'gamescope',
  'lutris-wrapper*',
  'legendary launch',
  'gogdl launch',
  'nile launch',
  '*-shipping.exe',
  'retroarch',
  'blender',
  'obs',
  'resolve',
  'kdenlive_render',
  'UnrealEditor',
]

/** Every setting of `config.toml`, by its dotted key. Descriptions are what `soma config list` shows. */
export const ConfigSchema = z.strictObject({
  log: z
    .strictObject({
      level: z.enum(logLevels).default('info').describe('Least severe level that is logged'),
      format: z
        .enum(['auto', 'json', 'text'])
        .default('auto')
        .describe('Form of a log line; auto is text on a terminal and JSON elsewhere'),
    })
    .prefault({}),
  http: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Serve the HTTP face'),
      host: z.string().default('127.0.0.1').describe('Address to bind; anything but loopback needs tokens for every call'),
      port: z.number().int().min(0).max(65535).default(7662).describe('TCP port (SOMA on a keypad); 0 takes a free one'),
      allowedHosts: z.array(z.string()).default([]).describe('Extra Host header values to answer to'),
      allowedOrigins: z.array(z.string()).default([]).describe('Browser origins that may call, e.g. http://localhost:3000'),
      bodyBytesMax: z
        .number()
        .int()
        .positive()
        .default(256 * 1024 * 1024)
        .describe('Largest request body, in bytes'),
      connectionsMax: z.number().int().positive().default(2048).describe('Open connections at once'),
    })
    .prefault({}),
  edition: z
    .strictObject({
      name: z
        .enum(editionNames)
        .default('standard')
        .describe('Named configuration that holds wherever this file says nothing; `soma edition list` shows them'),
    })
    .prefault({}),
  engines: z
    .strictObject({
      sandbox: z
        .enum(['off', 'bubblewrap'])
        .default('off')
        .describe('How engine processes are confined: bubblewrap gives them no network, no home and only their model, read-only'),
      scrub: z.boolean().default(false).describe('Overwrite prompts, answers and their caches in memory after use'),
    })
    .prefault({}),
  foreground: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Give memory and CPU back while a game, a render or a recording runs'),
      programs: z
        .array(z.string().max(256).describe('program, and words of its command line'))
        .max(200)
        .default(foregroundPrograms)
        .describe('Programs that come before models, by name; * stands for any characters, further words must be among the arguments'),
    })
    .prefault({}),
  models: z
    .strictObject({
      loadedMax: z.number().int().positive().default(4).describe('Models in memory at once; the least recently used idle one makes room'),
      idleUnloadMs: z
        .number()
        .int()
        .nonnegative()
        .default(5 * 60_000)
        .describe('Unload a model after this long without a call; 0 never'),
      queueMax: z.number().int().positive().default(256).describe('Calls waiting for one model'),
      threads: z.number().int().nonnegative().default(0).describe('CPU threads per engine; 0 decides from the CPUs this process may use'),
      warmSpares: z
        .number()
        .int()
        .nonnegative()
        .max(4)
        .default(1)
        .describe('Engine processes kept started without a model, per engine in use'),
    })
    .prefault({}),
  install: z
    .strictObject({
      parallel: z.number().int().positive().max(32).default(4).describe('Files fetched at once'),
      retries: z.number().int().nonnegative().max(20).default(5).describe('Attempts after the first, per file'),
      connections: z.number().int().positive().max(32).default(4).describe('Connections at once for one large file'),
      bytesPerSecondMax: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('Bandwidth of all downloads together, in bytes a second; 0 for no limit'),
      offline: z.boolean().default(false).describe('Never use the network: only files of this machine and what is installed already'),
      cloud: z.boolean().default(false).describe('Allow models that run on other people’s machines: what is sent to them leaves this one'),
      mirrors: z
        .array(
          z
            .string()
            .max(2048)
            .regex(/^https?:\/\/[^\s=]+=https?:\/\/[^\s=]+$/, 'expected <address>=<address of the mirror>')
            .describe('<address>=<address of its mirror>'),
        )
        .max(100)
        .default([])
        .describe('Where to go when a server does not answer, e.g. https://huggingface.co=https://mirror.example.org; tried in order'),
      keepVersions: z.number().int().nonnegative().max(100).default(1).describe('Earlier versions kept of each model, for rollback'),
      signatures: z
        .enum(['off', 'warn', 'enforce'])
        .default('off')
        .describe('Whether packages must be signed by a trusted key: off does not look, warn says so, enforce refuses'),
      licencesRefused: z
        .array(z.string().max(256))
        .max(100)
        .default([])
        .describe('Licences that are not installed: SPDX identifiers, or patterns with *, e.g. *-NC-*'),
    })
    .prefault({}),
})
export type Config = z.output<typeof ConfigSchema>
