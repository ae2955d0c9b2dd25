import type { CallStream, InstallEvent } from '@soma/spec'
import type { CommandContext } from '../../command.ts'
import { InstallProgress, type ProgressOptions } from '../../output/install-progress.ts'

/** Shows a transfer while it runs. @returns the call's output. */
export async function watch<Output>(
  ctx: CommandContext,
  stream: CallStream<InstallEvent, Output>,
  options: ProgressOptions = {},
): Promise<Output> {
  return await watchAs(ctx, stream, (event) => event, options)
}

/** The same for events of another kind. */
export async function watchAs<Event, Output>(
  ctx: CommandContext,
  stream: CallStream<Event, Output>,
  translate: (event: Event) => InstallEvent | undefined,
  options: ProgressOptions = {},
): Promise<Output> {
  const progress = new InstallProgress(ctx.terminal, () => ctx.clock.monotonic(), options)
  try {
    for await (const event of stream) {
      const shown = translate(event)
      if (shown) progress.show(shown)
    }
    const output = await stream.output
    progress.finish()
    return output
  } finally {
    progress.end()
  }
}
