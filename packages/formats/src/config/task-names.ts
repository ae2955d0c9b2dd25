/** Endings of Hugging Face class names, and what the models do. The first that fits counts. */
const bySuffix: ReadonlyArray<readonly [RegExp, string]> = [
  [/ForSpeechSeq2Seq$|^Whisper\w*ForConditionalGeneration$|^Speech\w*ForConditionalGeneration$|ForCTC$/, 'automatic-speech-recognition'],
  [
    /^(Llava|Qwen\d*_?\w*VL|PaliGemma|Idefics|InternVL|Mllama|Gemma3|Pixtral|Mistral3|SmolVLM|Florence)\w*ForConditionalGeneration$/,
    'image-text-to-text',
  ],
  [/ForImageTextToText$/, 'image-text-to-text'],
  [/^(Blip|VisionEncoderDecoder|Git|Pix2Struct|TrOCR)\w*(ForConditionalGeneration|Model)$|ForVision2Seq$/, 'image-to-text'],
  [/ForConditionalGeneration$/, 'text2text-generation'],
  [/ForCausalLM$|LMHeadModel$|CausalLMModel$/, 'text-generation'],
  [/ForMaskedLM$|WithLMHeadModel$|ForPreTraining$/, 'fill-mask'],
  [/ForSequenceClassification$/, 'text-classification'],
  [/ForTokenClassification$/, 'token-classification'],
  [/ForQuestionAnswering$/, 'question-answering'],
  [/ForMultipleChoice$/, 'multiple-choice'],
  [/ForImageClassification$/, 'image-classification'],
  [/ForObjectDetection$/, 'object-detection'],
  [/ForZeroShotObjectDetection$/, 'zero-shot-object-detection'],
  [/For(Semantic|Universal|Instance|Image)Segmentation$/, 'image-segmentation'],
  [/ForMaskGeneration$|^SamModel$/, 'mask-generation'],
  [/ForDepthEstimation$/, 'depth-estimation'],
  [/ForVideoClassification$/, 'video-classification'],
  [/ForAudioClassification$|ForXVector$|ForAudioFrameClassification$/, 'audio-classification'],
  [/ForTextToWaveform$|ForTextToSpeech$|^VitsModel$|^Bark\w*Model$/, 'text-to-speech'],
  [/^(CLIP|Siglip\d*|AltCLIP|ChineseCLIP)Model$/, 'zero-shot-image-classification'],
]

/** What a model of these classes does, by what their names end in; null when none says it. */
export function taskOfClasses(classes: readonly string[]): string | null {
  for (const name of classes) {
    // TensorFlow's and Flax's classes have the same names behind a prefix.
    const found = bySuffix.find(([pattern]) => pattern.test(name.replace(/^(TF|Flax)(?=[A-Z])/, '')))
    if (found) return found[1]
  }
  return null
}

/** A plain encoder: `BertModel`. Weaker than what a model card says. */
export function isEncoder(classes: readonly string[]): boolean {
  return classes.some((name) => /^[A-Za-z0-9]+Model$/.test(name))
}

const TASK = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** A task as hubs name them; null for what cannot be one. */
export function taskName(text: string | null | undefined): string | null {
  const name = text?.trim().toLowerCase().replaceAll('_', '-') ?? ''
  return TASK.test(name) && name.length <= 64 ? name : null
}
