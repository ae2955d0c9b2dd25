import { z } from 'zod'

const Count = z.number().int().nonnegative()

/**
 * What a package's own files say of it: read, never guessed. Null where no file says it.
 * Kept with the installed package, and shown by `soma model show`.
 */
export const KnowledgeSchema = z
  .strictObject({
    /** As manifests name formats: `onnx`, `gguf`, `safetensors`, `pytorch`, `torchscript`, `saved-model`, `keras`, `tfjs`, `tflite`. */
    format: z.string().max(64),
    /** What it was made with: `pytorch`, `tensorflow`, `llama.cpp`. */
    framework: z.string().max(64).nullable(),
    /** `llama`, `bert`, `resnet50`. */
    architecture: z.string().max(256).nullable(),
    /** Weights, counted in the tensors. */
    parameters: Count.nullable(),
    /** Element types of the weights, most bytes first: `F16`, `Q4_K`. */
    dtypes: z.array(z.string().max(32)).max(64),
    /** `Q4_K_M`, `int8`. */
    quantisation: z.string().max(64).nullable(),
    /** Tokens. */
    contextLength: Count.nullable(),
    /** ONNX: versions of the operator sets, by domain; the default domain is ''. */
    opsets: z.record(z.string().max(256), Count).nullable(),
    /** Kind of the tokenizer: `gpt2`, `BertTokenizer`. */
    tokenizer: z.string().max(128).nullable(),
    /** Jinja text. */
    chatTemplate: z
      .string()
      .max(256 * 1024)
      .nullable(),
    tasks: z.array(z.string().max(64)).max(64),
    /** SPDX identifier where it is one, else as the files say it. */
    licence: z.string().max(1024).nullable(),
    /** First paragraph of the model card. */
    summary: z.string().max(4096).nullable(),
    languages: z.array(z.string().max(64)).max(1000),
    requirements: z.strictObject({
      diskBytes: Count,
      /** Memory to run it: weights, and what the context takes on top at some lengths, where that can be computed. */
      memory: z.array(z.strictObject({ contextLength: Count.nullable(), bytes: Count })).max(16),
    }),
    /** A sentence each: what is odd, missing, or to be known before it is used. */
    warnings: z.array(z.string().max(1024)).max(100),
  })
  .meta({ id: 'Knowledge' })
export type Knowledge = z.output<typeof KnowledgeSchema>
