import type { Kernel } from '@soma/kernel'
import type { CallOutput, Metric } from '@soma/spec'
import type { Store } from '@soma/store'

/** What `/metrics` shows beyond the kernel's own counts. Called at each scrape: nothing here may be slow. */
export function daemonMetrics(kernel: Kernel, store: Store, processes: CallOutput<'system.status'>['processes']): Metric[] {
  const gauge = (name: string, help: string, value: number): Metric => ({ name, help, type: 'gauge', samples: [{ labels: {}, value }] })
  const byEngine = processes.map(({ engine, model, pid, rssBytes }) => ({
    labels: { engine, model: model ?? '', pid: String(pid) },
    value: rssBytes,
  }))
  return [
    ...kernel.metrics(),
    gauge('soma_process_resident_memory_bytes', 'Memory of the daemon itself.', process.memoryUsage.rss()),
    {
      name: 'soma_process_cpu_seconds_total',
      help: 'CPU time of the daemon itself.',
      type: 'counter',
      samples: [{ labels: {}, value: (process.cpuUsage().user + process.cpuUsage().system) / 1e6 }],
    },
    gauge('soma_models_installed', 'Installed models.', store.records.count('package')),
    gauge('soma_engine_processes', 'Engine processes.', processes.length),
    gauge('soma_blob_bytes', 'Bytes in the blob store.', store.blobs.usage().sizeBytes),
    { name: 'soma_engine_process_resident_memory_bytes', help: 'Memory of each engine process.', type: 'gauge', samples: byEngine },
  ]
}
