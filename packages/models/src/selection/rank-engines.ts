import type { Candidate, DeviceEstimate, EngineFacts, Pairing, SelectionRequest } from './facts.ts'
import { judge } from './judge.ts'

/**
 * Every engine on every device that could come into question: those that can run the package, best first, then the
 * others with what is in their way. At most one is chosen; none when a preference cannot be followed. Pure.
 */
export function rankEngines(request: SelectionRequest): Candidate[] {
  const judged = pairings(request).map((pairing) => judge(pairing, request))
  const able = judged.filter(({ problems }) => problems.length === 0).sort((a, b) => b.score - a.score)
  const unable = judged.filter(({ problems }) => problems.length > 0).sort((a, b) => a.problems.length - b.problems.length)
  return [...able.map((candidate, index) => ({ ...candidate, chosen: index === 0 })), ...unable]
}

function pairings(request: SelectionRequest): Pairing[] {
  return request.engines.flatMap((engine) =>
    devicesOf(engine, request).map((device) => ({
      engine,
      device,
      accelerator: request.host.accelerators?.find(({ id }) => id === device),
      estimate: estimateOf(request.estimates ?? [], engine.descriptor.id, device),
    })),
  )
}

/** What the engine itself says when it was asked, else the accelerators whose interface it speaks. The CPU stays in the list, to be explained. */
function devicesOf({ descriptor, support }: EngineFacts, { host, package: pkg }: SelectionRequest): string[] {
  // Of an engine that does not read the format one line is enough.
  if (!descriptor.formats.includes(pkg.format)) return ['cpu']
  if (support) return [...new Set(support.devices.length > 0 ? support.devices : ['cpu'])]
  const speaks = (host.accelerators ?? []).filter(({ apis }) => apis.some((api) => descriptor.apis?.includes(api)))
  return [...speaks.map(({ id }) => id), 'cpu']
}

function estimateOf(estimates: readonly DeviceEstimate[], engine: string, device: string): DeviceEstimate['memory'] | undefined {
  return estimates.find((estimate) => estimate.engine === engine && estimate.device === device)?.memory
}
