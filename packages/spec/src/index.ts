export { type AuditEntry, AuditEntrySchema, type Checkpoint } from './calls/audit.ts'
export { type CallDefinition, type Cost, type HttpMethod, type HttpRoute, type RawBody, defineCall } from './calls/define-call.ts'
export type {
  CallContext,
  CallOptions,
  CallStream,
  Caller,
  Calls,
  DispatchOptions,
  Dispatched,
  Dispatcher,
  Effects,
  Handler,
  Handlers,
  StreamingHandler,
  UnaryHandler,
} from './calls/handler.ts'
export { type EditionName } from './calls/edition.ts'
export type { KeySummary } from './calls/key.ts'
export { type InstallEvent, type ModelSummary, readsOf, unsafeModels } from './calls/model.ts'
export { type Resident, type ResidencyMode, ResidencySchema, type ResidencySetting, residencyModes } from './calls/model-residency.ts'
export { urgencyFields } from './calls/model-run.ts'
export { leastNeedsOf } from './calls/needs.ts'
export {
  type CallEvent,
  type CallInput,
  type CallName,
  type CallOutput,
  type StreamingCallName,
  type UnaryCallName,
  type ValidInput,
  callDefinition,
  callNames,
  callTable,
  isCallName,
} from './calls/table.ts'
export { readFiles } from './calls/model.ts'
export { type Capability, CapabilitySchema, EventSchema, ModelName, PrincipalSchema, type SomaEvent } from './calls/values.ts'
export {
  type Constraints,
  ConstraintsSchema,
  type Face,
  type Grant,
  GrantSchema,
  type Need,
  type Quota,
  type Right,
  covers,
  faces,
  formatGrant,
  overlaps,
  parseGrant,
  rights,
} from './capability/v1/capability.ts'
export { type Priority, PrioritySchema, atMost, isMoreUrgent } from './capability/v1/priority.ts'
export { type Config, ConfigSchema } from './config/v1/config.ts'
export { editionNames } from './config/v1/edition-names.ts'
export { callsReferenceMarkdown } from './docs/calls-reference.ts'
export { callsContract, callsDigestModule, clientCallsModule } from './docs/client-calls.ts'
export { type CallDescription, commonErrors, describeCalls } from './docs/describe-calls.ts'
export { errorsReferenceMarkdown } from './docs/errors-reference.ts'
export { type JsonSchema, type JsonValue, type SchemaSide, jsonSchema } from './docs/json-schema.ts'
export type {
  ForeignCall,
  ForeignMoment,
  ForeignReply,
  ForeignRequest,
  ForeignRoute,
  ForeignStream,
  Translator,
} from './face/v1/translator.ts'
export {
  FRAME_CONTENT_TYPE,
  FRAME_PREFIX_BYTES,
  type FrameHeader,
  type PackedFrame,
  attachBody,
  checkFrameHeaderSize,
  decodeFrame,
  decodeFrameHeader,
  decodeFramePrefix,
  encodeFrame,
  packFrame,
} from './frame/v1/frame.ts'
export { CALLS_DIGEST } from './generated/calls-digest.ts'
export type { Metric, MetricSample } from './metric.ts'
export {
  MANIFEST_BYTES_MAX,
  MANIFEST_FILE_NAME,
  type Manifest,
  type ManifestFile,
  ManifestSchema,
  PACKAGE_FILES_MAX,
  checkPackagePath,
  manifestApiVersions,
} from './package/v1/manifest.ts'
export { type Knowledge, KnowledgeSchema } from './package/v1/knowledge.ts'
export { inputError, parseInput } from './parse.ts'
export { checkInputs } from './smi/v1/check-inputs.ts'
export { type EngineDescriptor, EngineDescriptorSchema, type EngineOption, type PackageLayout, SMI_VERSION } from './smi/v1/descriptor.ts'
export type {
  Engine,
  EngineContext,
  EngineSupport,
  InferRequest,
  InferResponse,
  LoadOptions,
  LoadedModel,
  MemoryEstimate,
  MemoryUsage,
} from './smi/v1/engine.ts'
export { type Check, CheckSchema } from './smi/v1/check.ts'
export type { ConvertEvent, ConvertResult } from './smi/v1/convert.ts'
export { type EmbedRequest, type EmbedResponse, type RerankRequest, type RerankResponse, embedFields } from './smi/v1/embed.ts'
export {
  type ChatMessage,
  type GenerateEvent,
  type GenerateRequest,
  type GenerateResult,
  type OutputFormat,
  type TokenUsage,
  type Tool,
  type ToolCall,
  generateFields,
} from './smi/v1/generate.ts'
export { type Accelerator, type CpuFacts, type HostFacts, HostFactsSchema } from './smi/v1/host-facts.ts'
export type {
  Segment,
  SynthesizeEvent,
  SynthesizeRequest,
  SynthesizeResult,
  TranscribeEvent,
  TranscribeRequest,
  TranscribeResult,
} from './smi/v1/speech.ts'
export {
  type ModelPackage,
  ModelPackageSchema,
  type PackageFile,
  type Signature,
  SignatureSchema,
  type TensorSpec,
  packageFile,
} from './smi/v1/model.ts'
export { type ModelMethod, type SmiMethod, modelMethods, smiMethods } from './smi/v1/protocol.ts'
export { archiveKind, fileStem, modelNameOf } from './source/v1/file-name.ts'
export { type Spend, matchName, matchPath } from './source/v1/glob.ts'
export { readDocument } from './source/v1/http-document.ts'
export { type HttpTarget, openHttpDownload, totalBytes, validatorOf } from './source/v1/http-download.ts'
export { knownLicenceOfText, licenceOf, licenceOfText } from './source/v1/licence.ts'
export { nearestOf } from './source/v1/nearest.ts'
export { publicReference, publicUrl } from './source/v1/public-url.ts'
export { addressSetting, authorizedFetch } from './source/v1/settings.ts'
export { streamBody } from './source/v1/stream-body.ts'
export {
  type Artifact,
  CONTENT_BYTES_MAX,
  type ChunkHashes,
  type CreateSource,
  type Download,
  type DownloadOptions,
  type HttpConnection,
  type HttpFetch,
  type HttpReply,
  type HttpRequest,
  type Integrity,
  type OutgoingFile,
  type OutgoingPackage,
  type PublishOptions,
  type Published,
  type Resolution,
  type SearchHit,
  type Source,
  type SourceDeps,
  type VariantChoice,
} from './source/v1/source.ts'
export { type CreateUserSource, sourceTools } from './source/v1/tools.ts'
export { type ChooseOptions, type ChosenFiles, chooseFiles } from './source/v1/choose-files.ts'
export { type RepositoryFile } from './source/v1/weights-file.ts'
export { DtypeSchema } from './tensor/dtype-schema.ts'
export { type Dtype, dtypeSizeBytes, dtypes } from './tensor/dtype.ts'
export {
  Bytes,
  type Tensor,
  type TensorJson,
  TensorJsonSchema,
  TensorSchema,
  checkTensorBytes,
  elementCount,
  tensorToJson,
} from './tensor/tensor.ts'
export { type TensorValue, decodeStrings, decodeValues, encodeStrings, encodeValues } from './tensor/values.ts'
