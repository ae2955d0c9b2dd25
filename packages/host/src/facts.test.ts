import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostFacts, parseCpuList, parseMeminfo } from './facts.ts'

const meminfo = 'MemTotal:       24684084 kB\nMemFree:        11843420 kB\nMemAvailable:   23412312 kB\n'
const status = 'Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\n'
const GIB = 1024 ** 3

/** A machine of eight CPUs and these files besides. */
function facts(files: Readonly<Record<string, string>>, platform = 'linux'): ReturnType<typeof hostFacts> {
  const all: Readonly<Record<string, string>> =
    platform === 'linux' ? { '/proc/meminfo': meminfo, '/proc/self/status': status, ...files } : files
  return hostFacts({ platform, arch: 'x64', read: (path) => all[path], parallelism: 10, memoryBytes: 16 * GIB, memoryFreeBytes: 3 * GIB })
}

test('without control groups the affinity and /proc/meminfo decide', () => {
  assert.deepEqual(facts({}), {
    platform: 'linux',
    arch: 'x64',
    cpus: 8,
    memoryBytes: 24684084 * 1024,
    memoryAvailableBytes: 23412312 * 1024,
  })
})

test('version 2: the tightest group on the way up decides, and cache that can be dropped is not used memory', () => {
  const found = facts({
    '/proc/self/cgroup': '0::/system.slice/soma.service\n',
    '/sys/fs/cgroup/system.slice/cpu.max': '250000 100000\n',
    '/sys/fs/cgroup/system.slice/soma.service/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/system.slice/soma.service/memory.max': `${4 * GIB}\n`,
    '/sys/fs/cgroup/system.slice/soma.service/memory.current': `${3 * GIB}\n`,
    '/sys/fs/cgroup/system.slice/soma.service/memory.stat': `anon 100\ninactive_file ${GIB}\nactive_file 5\n`,
  })
  assert.equal(found.cpus, 2)
  assert.equal(found.memoryBytes, 4 * GIB)
  assert.equal(found.memoryAvailableBytes, 2 * GIB)
})

test('version 2 inside a container: the group is the mount’s root', () => {
  const found = facts({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000', '/sys/fs/cgroup/memory.max': 'max' })
  assert.equal(found.cpus, 1)
  assert.equal(found.memoryBytes, 24684084 * 1024)
})

test('version 1: quota and limit of the controllers’ own groups, "no limit" near 2^63 included', () => {
  const found = facts({
    '/proc/self/cgroup': '12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n1:name=systemd:/docker/abc\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '300000\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${2 * GIB}`,
    '/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes': `${GIB}`,
    '/sys/fs/cgroup/memory/docker/abc/memory.stat': `total_inactive_file ${GIB / 2}\n`,
  })
  assert.deepEqual([found.cpus, found.memoryBytes, found.memoryAvailableBytes], [3, 2 * GIB, 1.5 * GIB])
})

test('a quota of -1 and unreadable files limit nothing', () => {
  const found = facts({
    '/proc/self/cgroup': '3:cpu:/\n0::/x/../../etc\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/cpu.max': 'garbage',
  })
  assert.equal(found.cpus, 8)
})

test('without /proc what Node reports is taken', () => {
  assert.deepEqual(facts({}, 'darwin'), { platform: 'darwin', arch: 'x64', cpus: 10, memoryBytes: 16 * GIB, memoryAvailableBytes: 3 * GIB })
})

test('this machine has at least one CPU and some memory', () => {
  const { cpus, memoryBytes, memoryAvailableBytes } = hostFacts()
  assert.ok(cpus >= 1 && memoryBytes > 0 && memoryAvailableBytes > 0 && memoryAvailableBytes <= memoryBytes)
})

test('CPU lists and meminfo that make no sense are not believed', () => {
  assert.equal(parseCpuList('0-3,8,10-11'), 7)
  for (const list of ['', 'x', '0-', '3-1']) assert.equal(parseCpuList(list), 0)
  assert.equal(parseMeminfo('MemTotal: 1 kB\n'), undefined)
  assert.equal(parseMeminfo(''), undefined)
})
