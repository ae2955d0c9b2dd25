import type { Leaving, Phase, Place, ResidencyState, UnloadReason } from './residency-state.ts'
import type { ResidencySetting } from '@soma/spec'
import { residencyText } from './residency-text.ts'

const whyGone: { readonly [Reason in UnloadReason]: (leaving: Leaving, setting: ResidencySetting) => string } = {
  idle: (_leaving, setting) =>
    setting.mode === 'dynamic'
      ? 'Its call was done, and its residency is dynamic.'
      : `Nobody called it for long enough (${residencyText(setting)}).`,
  room: ({ by }) => (by === undefined ? 'Another model needed its memory.' : `${by} needed its memory.`),
  asked: () => 'It was unloaded by a call, or its package or settings changed.',
  abandoned: () => 'Whoever waited for it went away before it was loaded.',
  pressure: () => 'Memory was short.',
  foreground: () => 'A program of the foreground needs the machine.',
}

/** Why a model left, as one sentence. */
export function whyLeft(leaving: Leaving | null | undefined, setting: ResidencySetting): string {
  return leaving ? whyGone[leaving.reason](leaving, setting) : 'Its process ended by itself; the log says how.'
}

type Explain = (place: Place, state: ResidencyState, setting: ResidencySetting) => string

const whyInPhase: { readonly [P in Phase]: Explain } = {
  waiting: ({ needs }, state) => (needs === null ? 'Its engine is being asked how much memory it takes.' : waitsFor(state)),
  loading: ({ want, isExtra }) => (want ? 'Calls wait for it.' : isExtra ? 'Its residency wants it in memory.' : 'It was asked for.'),
  ready: (place, _state, setting) => readyBecause(place, setting),
  draining: ({ leaving }, _state, setting) =>
    `It takes no more calls, and leaves when its running ones are done: ${lower(whyLeft(leaving, setting))}`,
  unloading: ({ leaving }, _state, setting) => `It is leaving: ${lower(whyLeft(leaving, setting))}`,
  parked: (_place, _state, setting) => `Its weights have left, its process waits (${residencyText(setting)}).`,
}

/** Why a model is where it is, as one sentence. */
export function whyHere(state: ResidencyState, place: Place | undefined, setting: ResidencySetting, last: string | undefined): string {
  return place ? whyInPhase[place.phase](place, state, setting) : (last ?? 'Nobody has called it since the daemon started.')
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
