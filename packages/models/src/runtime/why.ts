import { type NameOf, type Why, say } from './history.ts'
import type { Leaving, Phase, Place, ResidencyState, UnloadReason } from './residency-state.ts'
import type { ResidencySetting } from '@soma/spec'
import { residencyText } from './residency-text.ts'

const whyGone: { readonly [Reason in UnloadReason]: (leaving: Leaving, setting: ResidencySetting) => Why } = {
  idle: (_leaving, setting) =>
    setting.mode === 'dynamic'
      ? 'Its call was done, and its residency is dynamic.'
      : `Nobody called it for long enough (${residencyText(setting)}).`,
  room: ({ by }) => (by === undefined ? 'Another model needed its memory.' : (nameOf) => capital(`${nameOf(by)} needed its memory.`)),
  asked: () => 'It was unloaded by a call, or its package or settings changed.',
  abandoned: () => 'Whoever waited for it went away before it was loaded.',
  pressure: () => 'Memory was short.',
  foreground: () => 'A program of the foreground needs the machine.',
}

/** Why a model left, as one sentence. */
export function whyLeft(leaving: Leaving | null | undefined, setting: ResidencySetting): Why {
  return leaving ? whyGone[leaving.reason](leaving, setting) : 'Its process ended by itself; the log says how.'
}

type Explain = (place: Place, state: ResidencyState, told: { readonly setting: ResidencySetting; readonly nameOf: NameOf }) => string

const whyInPhase: { readonly [P in Phase]: Explain } = {
  waiting: ({ needs }, state, { nameOf }) =>
    needs === null ? 'Its engine is being asked how much memory it takes.' : waitsFor(state, nameOf),
  loading: ({ want, isExtra }) => (want ? 'Calls wait for it.' : isExtra ? 'Its residency wants it in memory.' : 'It was asked for.'),
  ready: (place, _state, { setting }) => readyBecause(place, setting),
  draining: ({ leaving }, _state, { setting, nameOf }) =>
    `It takes no more calls, and leaves when its running ones are done: ${lower(say(whyLeft(leaving, setting), nameOf))}`,
  unloading: ({ leaving }, _state, { setting, nameOf }) => `It is leaving: ${lower(say(whyLeft(leaving, setting), nameOf))}`,
  parked: (_place, _state, { setting }) => `Its weights have left, its process waits (${residencyText(setting)}).`,
}

/** Why a model is where it is, as one sentence. */
export function whyHere(
  state: ResidencyState,
  place: Place | undefined,
  told: { readonly setting: ResidencySetting; readonly last: Why | undefined; readonly nameOf: NameOf },
): string {
  if (place) return whyInPhase[place.phase](place, state, told)
  return say(told.last ?? 'Nobody has called it since the daemon started.', told.nameOf)
}

function readyBecause({ users, want, isFresh }: Place, setting: ResidencySetting): string {
  if (users > 0) return `${users} ${users === 1 ? 'call runs' : 'calls run'}.`
  if (want) return 'Calls wait for their turn.'
  const stays = setting.pinned ? `pinned, ${residencyText(setting)}` : residencyText(setting)
  return isFresh ? `It was loaded and not called yet (${stays}).` : `It was called before (${stays}).`
}

function waitsFor({ places }: ResidencyState, nameOf: NameOf): string {
  const leaving = [...places].filter(([, { phase }]) => phase === 'draining' || phase === 'unloading').map(([name]) => nameOf(name))
  return leaving.length > 0
    ? `It waits for ${[...new Set(leaving)].join(', ')} to leave.`
    : 'It waits for room: the models in memory go first for a while.'
}

function capital(sentence: string): string {
  return sentence.startsWith('another ') ? `A${sentence.slice(1)}` : sentence
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
