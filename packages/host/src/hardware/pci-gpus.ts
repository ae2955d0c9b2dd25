import type { FoundAccelerator } from './accelerators.ts'
import { BAR_BYTES_MIN } from './limits.ts'
import type { MachineReader } from './machine-reader.ts'
import { numaNodeOf, vulkanOf } from './places.ts'

/** A graphics card as the kernel's drm folder shows it. */
interface PciGpu {
  readonly folder: string
  readonly slot: string
  /** `1002:744c`. */
  readonly id: string
  readonly driver: string | null
}

/** AMD's chips with CPU and GPU in one, by PCI device: Raven, Renoir, Van Gogh, Rembrandt, Phoenix, Strix … Only drivers know otherwise. */
const amdShared = new Set([
  '15dd',
  '15d8',
  '1636',
  '1638',
  '164c',
  '163f',
  '1435',
  '1681',
  '164e',
  '13c0',
  '1506',
  '15bf',
  '15c8',
  '1900',
  '1901',
  '150e',
  '1586',
  '1114',
])
/** Where every Intel CPU has its own graphics; cards sit elsewhere. */
const INTEL_OWN_SLOT = '0000:00:02.0'

/** Cards of AMD and Intel, and of NVIDIA without its own driver. Cards whose `slot` is in `known` are left out. */
export async function pciGpus(machine: MachineReader, known: ReadonlySet<string>): Promise<FoundAccelerator[]> {
  const cards = machine
    .list('/sys/class/drm')
    .filter((name) => /^card\d+$/.test(name))
    .flatMap((name) => pciGpu(`/sys/class/drm/${name}/device`, machine))
  const others = cards.filter(({ slot, id }) => !known.has(slot) && /^(1002|8086|10de):/.test(id))
  if (others.length === 0) return []
  const names = parseLspci((await machine.run(['lspci', '-D', '-nn'])) ?? '')
  return others.map((card) => ({
    ...describe(card, machine),
    name: names.get(card.slot) ?? `${vendors[card.id.slice(0, 4)]} GPU ${card.id}`,
  }))
}

const vendors: Readonly<Record<string, string>> = { '1002': 'AMD', '8086': 'Intel', '10de': 'NVIDIA' }

function pciGpu(folder: string, { read }: MachineReader): PciGpu[] {
  const uevent = read(`${folder}/uevent`) ?? ''
  const field = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(uevent)?.[1]
  const [slot, id] = [field('PCI_SLOT_NAME'), field('PCI_ID')]
  return slot === undefined || id === undefined ? [] : [{ folder, slot, id: id.toLowerCase(), driver: field('DRIVER') ?? null }]
}

function describe(card: PciGpu, machine: MachineReader): Omit<FoundAccelerator, 'name'> {
  const common = {
    kind: 'gpu',
    vendor: vendors[card.id.slice(0, 4)] ?? '',
    driver: card.driver,
    slot: card.slot,
    numaNode: numaNodeOf(card.slot, machine),
  } as const
  if (card.id.startsWith('1002:')) return { ...common, ...amd(card, machine) }
  if (card.id.startsWith('8086:')) return { ...common, ...intel(card, machine) }
  // Its own driver is there and NVIDIA's program is not, or failed.
  const apis = card.driver === 'nvidia' ? ['cuda', ...vulkanOf(/^nvidia/, machine)] : vulkanOf(/nouveau/, machine)
  return { ...common, apis, memoryBytes: null, memoryFreeBytes: null, unified: false }
}

type Powers = Pick<FoundAccelerator, 'apis' | 'memoryBytes' | 'memoryFreeBytes' | 'unified'>

function amd({ folder, id }: PciGpu, machine: MachineReader): Powers {
  const apis = [...(machine.exists('/dev/kfd') ? ['rocm'] : []), ...vulkanOf(/radeon|amd/, machine)]
  if (amdShared.has(id.slice(5))) return { apis, memoryBytes: null, memoryFreeBytes: null, unified: true }
  const bytes = (name: string): number => Number.parseInt(machine.read(`${folder}/mem_info_vram_${name}`) ?? '', 10)
  const [total, used] = [bytes('total'), bytes('used')]
  return { apis, memoryBytes: total > 0 ? total : null, memoryFreeBytes: total >= used ? total - used : null, unified: false }
}

function intel({ folder, slot }: PciGpu, machine: MachineReader): Powers {
  const libraries = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'].map((place) => `${place}/libze_intel_gpu.so.1`)
  const apis = [...(libraries.some((path) => machine.exists(path)) ? ['level-zero'] : []), ...vulkanOf(/intel/, machine)]
  if (slot === INTEL_OWN_SLOT) return { apis, memoryBytes: null, memoryFreeBytes: null, unified: true }
  // Intel's driver tells only programs that hold the card how much memory it has; its window onto the bus tells everybody.
  const largest = Math.max(0, ...barSizes(machine.read(`${folder}/resource`) ?? ''))
  return { apis, memoryBytes: largest >= BAR_BYTES_MIN ? largest : null, memoryFreeBytes: null, unified: false }
}

/** Sizes of the windows that a PCI device opens: lines of `start end flags`. */
function barSizes(text: string): number[] {
  return text.split('\n').flatMap((line) => {
    const [start, end] = line.split(' ').map(Number)
    return start !== undefined && end !== undefined && end > start ? [end - start + 1] : []
  })
}

/** Names by slot: `0000:03:00.0 VGA … [0300]: Vendor [AMD/ATI] Navi 31 [Radeon RX 7900] [1002:744c] (rev c8)`. */
function parseLspci(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, slot, name] = /^(\S+) .*?\[[0-9a-f]{4}\]: (.+) \[[0-9a-f]{4}:[0-9a-f]{4}\]/.exec(line) ?? []
      return slot === undefined || name === undefined ? [] : [[slot, name] as const]
    }),
  )
}
