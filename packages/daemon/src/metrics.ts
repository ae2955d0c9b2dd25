import type { Kernel } from '@soma/kernel'
import type { Models } from '@soma/models'
import type { Metric } from '@soma/spec'
import type { Store } from '@soma/store'

/** What `/metrics` shows. Called at each scrape: nothing here may be slow. */
export function daemonMetrics(kernel: Kernel, models: Models, store: Store): Metric[] {
  const { user, system } = process.cpuUsage()
  return [
    ...kernel.metrics(),
    ...models.metrics(),
    single('gauge', 'soma_process_resident_memory_bytes', 'Memory of the daemon itself.', process.memoryUsage.rss()),
    single('counter', 'soma_process_cpu_seconds_total', 'CPU time of the daemon itself.', (user + system) / 1e6),
    single('gauge', 'soma_models_installed', 'Installed models.', store.records.count('package')),
    single('gauge', 'soma_blob_bytes', 'Bytes in the blob store.', store.blobs.usage().sizeBytes),
  ]
}

function single(type: 'gauge' | 'counter', name: string, help: string, value: number): Metric {
  return { name, help, type, samples: [{ labels: {}, value }] }
}
