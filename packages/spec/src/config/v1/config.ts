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
      remote: z
        .enum(['off', 'local', 'any'])
        .default('off')
        .describe('Whether models may be those of other servers: local allows servers of this machine, any sends input to others, too'),
      remoteKeys: z
        .array(
          z
            .string()
            .max(4096)
            .regex(/^https?:\/\/[^\s/=]+=\S+$/, 'expected <origin>=<environment variable or path of a file>')
            .describe('<origin>=<environment variable or path of a file>'),
        )
        .max(100)
        .default([])
        .describe('Where the keys of such servers are, e.g. https://api.openai.com=OPENAI_API_KEY; read when the daemon starts'),
      remoteCommands: z
        .array(z.string().min(1).max(4096))
        .max(100)
        .default([])
        .describe('Programs that such models may start on this machine by themselves, e.g. vllm'),
      python: z
        .string()
        .max(4096)
        .regex(/^(\/.*)?$/, 'expected an absolute path')
        .default('')
        .describe('Path of the Python that runs PyTorch and other frameworks; empty looks for one that has them'),
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
      memoryBytesMax: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('What models may take of the machine’s memory, in bytes; 0 takes what is available, less a reserve'),
      residency: z
        .string()
        .regex(
          /^(dynamic|persistent|adaptive|(timeout|swap)(=[1-9][0-9]{0,6})?)$/,
          'expected dynamic, persistent, adaptive, timeout=<seconds> or swap=<seconds>',
        )
        .default('timeout=300')
        .describe(
          'When models are in memory for which nothing else is set: dynamic, persistent, timeout=<seconds>, swap=<seconds>, adaptive',
        ),
      collateMs: z
        .number()
        .int()
        .nonnegative()
        .max(600_000)
        .default(750)
        .describe('How long calls of models in memory go first while another model waits for room, in ms'),
      queueMax: z.number().int().positive().default(256).describe('Calls waiting for one model'),
      threads: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('CPU threads per engine; 0 decides from the CPUs this process may use and what is busy'),
      loadSecondsMax: z
        .number()
        .int()
        .nonnegative()
        .max(24 * 3600)
        .default(0)
        .describe('How long a model may take to load before its engine is ended, in seconds; 0 allows 120, and one more per 20 MB'),
      warmSpares: z
        .number()
        .int()
        .nonnegative()
        .max(4)
        .default(1)
        .describe('Engine processes kept started without a model, per engine in use'),
      resultCacheBytes: z
        .number()
        .int()
        .nonnegative()
        .default(0)
        .describe('Memory for answers to requests that were made before, by the same caller; 0 keeps none'),
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
