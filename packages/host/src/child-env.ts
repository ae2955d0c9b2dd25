type Environment = Readonly<Record<string, string | undefined>>

/**
 * What a child process may know of our environment: where programs and libraries are, the language, which accelerators
 * it may use. Everything else may be a secret, and stays here.
 */
const allowed = new Set([
  'PATH',
  'HOME',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'XDG_CACHE_HOME',
  'NODE_COMPILE_CACHE',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
  'HIP_VISIBLE_DEVICES',
  'ROCR_VISIBLE_DEVICES',
])

const always = {
  // glibc otherwise keeps freed memory for itself: with onnxruntime 294 MB stayed after a release, with this 85 MB.
  MALLOC_TRIM_THRESHOLD_: '131072',
  // onnxruntime 1.30 otherwise reports to its maker and leaves a device id in ~/.cache, on Linux too.
  ORT_DISABLE_TELEMETRY: '1',
}

/** The environment of a child process: ours by allow-list, then `extra`. */
export function childEnvironment(own: Environment, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined && isAllowed(entry[0]))
  return { ...Object.fromEntries(kept), ...always, ...extra }
}

function isAllowed(name: string): boolean {
  return allowed.has(name) || name.startsWith('LC_')
}
