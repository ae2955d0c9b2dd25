import type { z } from 'zod'
import { auditCheckpoint, auditList, auditTail, auditVerify } from './audit.ts'
import { capabilityDerive, capabilityIssue, capabilityList, capabilityRevoke } from './capability.ts'
import type { CallDefinition } from './define-call.ts'
import { editionList, editionShow, editionUse } from './edition.ts'
import { engineDoctor, engineList, engineShow } from './engine.ts'
import { eventList, eventSubscribe } from './event.ts'
import { keyCreate, keyImport, keyList, keyRemove, keyShow, keyTrust } from './key.ts'
import { modelConvert } from './model-convert.ts'
import { modelInfo, modelPack, modelPublish, modelRegister, modelSearch, modelSign, modelUnpack } from './model-exchange.ts'
import { modelConfigure, modelExplain, modelResidency, modelResident } from './model-residency.ts'
import {
  modelEmbed,
  modelGenerate,
  modelInfer,
  modelLoad,
  modelRerank,
  modelSynthesize,
  modelTranscribe,
  modelUnload,
} from './model-run.ts'
import { modelAlias, modelCollect, modelOutdated, modelPin, modelRollback, modelUpdate, modelUsage } from './model-versions.ts'
import { modelInstall, modelList, modelRemove, modelShow, modelVerify } from './model.ts'
import { sourceList } from './source.ts'
import {
  systemCalls,
  systemConfiguration,
  systemConfigure,
  systemDoctor,
  systemEcho,
  systemHardware,
  systemHealth,
  systemShutdown,
  systemStatus,
} from './system.ts'

/** The system-call table. Faces, clients, docs and the audit log know no other calls. */
export const callTable = {
  'system.health': systemHealth,
  'system.status': systemStatus,
  'system.hardware': systemHardware,
  'system.calls': systemCalls,
  'system.echo': systemEcho,
  'system.doctor': systemDoctor,
  'system.shutdown': systemShutdown,
  'system.configuration': systemConfiguration,
  'system.configure': systemConfigure,
  'model.install': modelInstall,
  'model.list': modelList,
  'model.show': modelShow,
  'model.verify': modelVerify,
  'model.remove': modelRemove,
  'model.search': modelSearch,
  'model.info': modelInfo,
  'model.register': modelRegister,
  'model.outdated': modelOutdated,
  'model.update': modelUpdate,
  'model.rollback': modelRollback,
  'model.pin': modelPin,
  'model.alias': modelAlias,
  'model.usage': modelUsage,
  'model.collect': modelCollect,
  'model.pack': modelPack,
  'model.unpack': modelUnpack,
  'model.publish': modelPublish,
  'model.sign': modelSign,
  'model.infer': modelInfer,
  'model.generate': modelGenerate,
  'model.embed': modelEmbed,
  'model.rerank': modelRerank,
  'model.transcribe': modelTranscribe,
  'model.synthesize': modelSynthesize,
  'model.convert': modelConvert,
  'model.load': modelLoad,
  'model.unload': modelUnload,
  'model.resident': modelResident,
  'model.residency': modelResidency,
  'model.configure': modelConfigure,
  'model.explain': modelExplain,
  'key.list': keyList,
  'key.create': keyCreate,
  'key.show': keyShow,
  'key.import': keyImport,
  'key.trust': keyTrust,
  'key.remove': keyRemove,
  'source.list': sourceList,
  'edition.list': editionList,
  'edition.show': editionShow,
  'edition.use': editionUse,
  'engine.list': engineList,
  'engine.show': engineShow,
  'engine.doctor': engineDoctor,
  'capability.list': capabilityList,
  'capability.derive': capabilityDerive,
  'capability.issue': capabilityIssue,
  'capability.revoke': capabilityRevoke,
  'event.list': eventList,
  'event.subscribe': eventSubscribe,
  'audit.list': auditList,
  'audit.tail': auditTail,
  'audit.verify': auditVerify,
  'audit.checkpoint': auditCheckpoint,
} as const satisfies Readonly<Record<string, CallDefinition>>

type CallTable = typeof callTable
export type CallName = keyof CallTable
export const callNames = Object.keys(callTable) as readonly CallName[]

/** The same value, for those who only read it: constants and read-only arrays fit. */
type Readable<T> = T extends Uint8Array
  ? T
  : T extends ReadonlyArray<infer Item>
    ? ReadonlyArray<Readable<Item>>
    : T extends object
      ? { readonly [Key in keyof T]: Readable<T[Key]> }
      : T

/** What a client may send: defaults left out. */
export type CallInput<Name extends CallName> = Readable<z.input<CallTable[Name]['input']>>
/** What a handler receives: validated, defaults filled in. */
export type ValidInput<Name extends CallName> = z.output<CallTable[Name]['input']>
export type CallOutput<Name extends CallName> = z.output<CallTable[Name]['output']>
/** What a streaming call sends before its output; `never` for a unary one. */
export type CallEvent<Name extends CallName> = CallTable[Name] extends { events?: infer Event }
  ? NonNullable<Event> extends z.ZodType
    ? z.output<NonNullable<Event>>
    : never
  : never
/** The calls that stream. */
export type StreamingCallName = { [Name in CallName]: [CallEvent<Name>] extends [never] ? never : Name }[CallName]
export type UnaryCallName = Exclude<CallName, StreamingCallName>

export function isCallName(text: string): text is CallName {
  return Object.hasOwn(callTable, text)
}

/** The row of a call, with its exact types forgotten: for code that treats all calls alike. */
export function callDefinition(name: CallName): CallDefinition {
  return callTable[name]
}
