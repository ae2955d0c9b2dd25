import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

/** Reads text from pictures with PaddleOCR's detection and recognition models in ONNX form. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'ocr',
  title: 'Text recognition in pictures (PaddleOCR models)',
  version: '0.1.0',
  formats: ['paddleocr-onnx'],
  tasks: ['image-to-text'],
  layouts: [
    {
      format: 'paddleocr-onnx',
      task: 'image-to-text',
      files: { detection: '**/*_det_*.onnx', recognition: '**/*_rec_*.onnx', dictionary: '**/*keys*.txt' },
    },
  ],
}
