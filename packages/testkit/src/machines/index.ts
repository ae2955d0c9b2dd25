import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { MachineReader } from '@soma/host'
import { z } from 'zod'

const TextSchema = z.union([
  z.string(),
  z.array(z.union([z.string(), z.strictObject({ repeat: z.number().int(), lines: z.array(z.string()) })])),
])

const RecordingSchema = z.strictObject({
  about: z.string(),
  origin: z.enum(['recorded', 'composed']),
  platform: z.string(),
  arch: z.string(),
  parallelism: z.number(),
  memoryBytes: z.number(),
  memoryFreeBytes: z.number(),
  /** Path → its text, or its lines; repeated lines have their number for `#`. */
  files: z.record(z.string(), TextSchema),
  /** What exists, and is not read. */
  present: z.array(z.string()),
  /** Command line → what it prints. */
  programs: z.record(z.string(), TextSchema),
})
export type MachineRecording = z.output<typeof RecordingSchema>

/** Machines whose hardware is known, by name: see README.md beside them. */
export const machineNames: readonly string[] = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))
  .sort()

/** A recorded or composed machine, to be looked at like a real one. */
export function recordedMachine(name: string): MachineReader {
  const recording = RecordingSchema.parse(JSON.parse(readFileSync(join(import.meta.dirname, `${name}.json`), 'utf8')))
  const { files, programs, present, platform, arch, parallelism, memoryBytes, memoryFreeBytes } = recording
  const paths = [...Object.keys(files), ...present]
  return {
    platform,
    arch,
    parallelism,
    memoryBytes,
    memoryFreeBytes,
    read: (path) => textOf(files[path]) ?? (present.includes(path) ? '' : undefined),
    list: (folder) =>
      [
        ...new Set(paths.flatMap((path) => (path.startsWith(`${folder}/`) ? [path.slice(folder.length + 1).split('/')[0] ?? ''] : []))),
      ].sort(),
    exists: (path) => paths.some((known) => known === path || known.startsWith(`${path}/`)),
    run: (command) => Promise.resolve(textOf(programs[command.join(' ')])),
  }
}

function textOf(text: z.output<typeof TextSchema> | undefined): string | undefined {
  if (text === undefined || typeof text === 'string') return text
  return text.flatMap((line) => (typeof line === 'string' ? [line] : repeated(line))).join('\n')
}

function repeated({ repeat, lines }: { readonly repeat: number; readonly lines: readonly string[] }): string[] {
  return Array.from({ length: repeat }, (_, index) => lines.map((line) => line.replace('#', String(index)))).flat()
}

/** Of the many device files those that matter. */
const accelerators = /^(nvidia|nvgpu|kfd|dxg|hailo|apex|accel)/

/** Keeps what is asked of a machine, so that it can be asked again elsewhere. */
export function recordMachine(
  machine: MachineReader,
  about: string,
): { readonly reader: MachineReader; readonly recording: MachineRecording } {
  const { platform, arch, parallelism, memoryBytes, memoryFreeBytes } = machine
  const recording: MachineRecording = {
    about,
    origin: 'recorded',
    platform,
    arch,
    parallelism,
    memoryBytes,
    memoryFreeBytes,
    files: {},
    present: [],
    programs: {},
  }
  const isPresent = (path: string): void =>
    void (path in recording.files || recording.present.includes(path) || recording.present.push(path))
  const reader: MachineReader = {
    ...machine,
    read: (path) => {
      const text = machine.read(path)
      if (text !== undefined) recording.files[path] = text
      return text
    },
    list: (path) => {
      const names = machine.list(path)
      for (const name of names) if (path !== '/dev' || accelerators.test(name)) isPresent(`${path}/${name}`)
      return names
    },
    exists: (path) => {
      if (!machine.exists(path)) return false
      isPresent(path)
      return true
    },
    run: async (command) => {
      const printed = await machine.run(command)
      if (printed !== undefined) recording.programs[command.join(' ')] = printed
      return printed
    },
  }
  return { reader, recording }
}
