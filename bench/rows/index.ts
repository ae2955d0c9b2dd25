import type { Row } from '../measure.ts'
import { adaptiveRows } from './adaptive.ts'
import { batching } from './batching.ts'
import { dispatch } from './dispatch.ts'
import { httpEcho } from './http-echo.ts'
import { install } from './install.ts'
import { ipcEcho } from './ipc-echo.ts'
import { list, listPrompt } from './list.ts'
import { decode, decodeFour, firstToken } from './llm.ts'
import { mixed } from './mixed.ts'
import { onnxHttp } from './onnx-http.ts'
import { coldStart, swapReturn, swapUnderLoad, unloadMemory } from './residency.ts'
import { daemonMemory, daemonReady, version } from './start.ts'
import { tensorIpc } from './tensor-ipc.ts'
import { resume, shared, transfer } from './transfer.ts'
import { verify } from './verify.ts'

/** All rows, in the order of docs/benchmarks.md. */
export const rows: readonly Row[] = [
  dispatch,
  ipcEcho,
  httpEcho,
  onnxHttp,
  tensorIpc,
  install,
  transfer,
  resume,
  shared,
  verify,
  list,
  listPrompt,
  version,
  daemonReady,
  daemonMemory,
  decode,
  decodeFour,
  firstToken,
  batching,
  swapUnderLoad,
  swapReturn,
  coldStart,
  unloadMemory,
  mixed,
  ...adaptiveRows,
]
