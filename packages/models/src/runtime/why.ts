import type { Leaving, Place, RefuseReason, ResidencyState } from './residency-state.ts'
import type { ResidencySetting } from '@soma/spec'
import { residencyText } from './residency-text.ts'

/** Why a model left, as one sentence. */
export function whyLeft(leaving: Leaving | undefined, setting: ResidencySetting): string {
  switch (leaving?.reason) {
    case undefined:
      return 'Its process ended by itself; the log says how.'
    case 'idle':
      return setting.mode === 'dynamic'
        ? 'Its call was done, and its residency is dynamic.'
        : `Nobody called it for long enough (${residencyText(setting)}).`
    case 'room':
      return leaving.by === undefined ? 'Another model needed its memory.' : `${leaving.by} needed its memory.`
    case 'asked':
      return 'It was unloaded by a call, or its package or settings changed.'
    case 'abandoned':
      return 'Whoever waited for it went away before it was loaded.'
    case 'pressure':
      return 'Memory was short.'
    case 'foreground':
      return 'A program of the foreground needs the machine.'
  }
}

export function whyRefused(reason: RefuseReason, message: string): string {
  return reason === 'load' ? `Loading failed: ${message}` : `It does not fit: ${message}`
}

/** Why a model is where it is, as one sentence. */
export function whyHere(state: ResidencyState, place: Place | undefined, setting: ResidencySetting, last: string | undefined): string {
  switch (place?.phase) {
    case undefined:
      return last ?? 'Nobody has called it since the daemon started.'
    case 'waiting':
      return place.needs === null ? 'Its engine is being asked how much memory it takes.' : waitsFor(state)
    case 'loading':
      return place.want ? 'Calls wait for it.' : place.isExtra ? 'Its residency wants it in memory.' : 'It was asked for.'
    case 'ready':
      return readyBecause(place, setting)
    case 'draining':
      return `It takes no more calls, and leaves when its running ones are done: ${lower(whyLeft(place.leaving ?? undefined, setting))}`
    case 'unloading':
      return `It is leaving: ${lower(whyLeft(place.leaving ?? undefined, setting))}`
    case 'parked':
      return `Its weights have left, its process waits (${residencyText(setting)}).`
  }
}

function readyBecause({ users, want, isFresh }: Place, setting: ResidencySetting): string {
  if (users > 0) return `${users} ${users === 1 ? 'call runs' : 'calls run'}.`
  if (want) return 'Calls wait for their turn.'
  const stays = setting.pinned ? `pinned, ${residencyText(setting)}` : residencyText(setting)
  return isFresh ? `It was loaded and not called yet (${stays}).` : `It was called before (${stays}).`
}

function waitsFor({ places }: ResidencyState): string {
  const leaving = [...places].filter(([, { phase }]) => phase === 'draining' || phase === 'unloading').map(([name]) => name)
  return leaving.length > 0
    ? `It waits for ${leaving.join(', ')} to leave.`
    : 'It waits for room: the models in memory go first for a while.'
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
