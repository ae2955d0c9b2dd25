import type { CallOutput, ForeignReply } from '@soma/spec'

type Transcription = CallOutput<'model.transcribe'>
type Written = Pick<ForeignReply, 'contentType' | 'body'>

/** BCP 47 for a language that nobody could tell. */
const UNDETERMINED = 'und'

/** A transcription in each format that OpenAI's API names. */
export const formats = {
  json: ({ text, durationSeconds }: Transcription) => json({ text, usage: { type: 'duration', seconds: durationSeconds } }),
  text: ({ text }: Transcription) => ({ contentType: 'text/plain; charset=utf-8', body: `${text}\n` }),
  verbose_json: ({ text, language, durationSeconds, segments }: Transcription) =>
    json({
      task: 'transcribe',
      language: language ?? UNDETERMINED,
      duration: durationSeconds,
      text,
      segments: segments.map(({ startSeconds, endSeconds, text }, id) => ({ id, start: startSeconds, end: endSeconds, text })),
      usage: { type: 'duration', seconds: durationSeconds },
    }),
  srt: ({ segments }: Transcription) => ({
    contentType: 'application/x-subrip; charset=utf-8',
    body: segments.map((segment, index) => `${index + 1}\n${cue(segment, ',')}\n\n`).join(''),
  }),
  vtt: ({ segments }: Transcription) => ({
    contentType: 'text/vtt; charset=utf-8',
    body: `WEBVTT\n\n${segments.map((segment) => `${cue(segment, '.')}\n\n`).join('')}`,
  }),
} as const satisfies Record<string, (transcription: Transcription) => Written>

function json(value: unknown): Written {
  return { contentType: 'application/json', body: JSON.stringify(value) }
}

/** The stretch and its text; a blank line inside would end it. */
function cue({ startSeconds, endSeconds, text }: Transcription['segments'][number], point: string): string {
  return `${clockText(startSeconds, point)} --> ${clockText(endSeconds, point)}\n${text.trim().replaceAll(/\n\s*\n/g, '\n')}`
}

/** `00:01:02.345` */
function clockText(seconds: number, point: string): string {
  const total = Math.round(seconds * 1000)
  const pad = (value: number, length: number): string => String(Math.floor(value)).padStart(length, '0')
  return `${pad(total / 3_600_000, 2)}:${pad((total / 60_000) % 60, 2)}:${pad((total / 1000) % 60, 2)}${point}${pad(total % 1000, 3)}`
}
