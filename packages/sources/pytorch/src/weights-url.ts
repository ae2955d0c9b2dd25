/** Files that weights are kept in. */
const weightsFile = /\.(pth|pt|th|pth\.tar|pt\.tar|ckpt|bin|safetensors|onnx|pkl|t7|h5)$/i

export function isWeightsFile(name: string): boolean {
  return weightsFile.test(name)
}

/** Whether an address leads to a weights file; not when it is put together while the code runs. */
export function isWeightsUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text) && !/[{}]|%s/.test(text) && isWeightsFile(new URL(text).pathname)
}

export function fileNameOf(url: string): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? ''
  return /%(?![2-7][0-9a-f])|%2f|%5c/i.test(name) ? name.replaceAll('%', '_') : decodeURIComponent(name)
}

/** As PyTorch's own check: `0676ba61` of `resnet50-0676ba61.pth`. */
export function hashPrefixOf(fileName: string): string | undefined {
  return /-([0-9a-f]{8,64})\./.exec(fileName)?.[1]
}
