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
  options: [
    {
      name: 'detectionPixels',
      type: 'integer',
      default: 1_228_800,
      description: 'Pixels that a picture is scaled down to for finding lines: as many find 6-point print on A4.',
    },
    { name: 'confidenceMin', type: 'number', default: 0.5, description: 'Lines read less surely, of 0 to 1, are left out.' },
    {
      name: 'readPaths',
      type: 'boolean',
      default: false,
      description: 'Whether a call may name a file of this machine instead of sending bytes.',
      files: true,
    },
  ],
}
