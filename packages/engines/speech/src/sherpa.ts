import type * as SherpaModule from 'sherpa-onnx-node'

export type Sherpa = Pick<typeof SherpaModule, 'Vad' | 'OfflineRecognizer' | 'OnlineRecognizer' | 'OfflineTts'>

/** Loads the library and its native part; rejects where there is none for this machine. */
export async function importSherpa(): Promise<Sherpa> {
  const { default: sherpa } = (await import('sherpa-onnx-node')) as unknown as { readonly default: Sherpa }
  return sherpa
}
