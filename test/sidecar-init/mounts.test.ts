import t from 'tap'
import { boundingSet, excessSets, jobCapabilities, parseStatus } from '../../sidecar-init/capabilities.ts'
import { boundPaths } from '../../sidecar-init/doors.ts'
import { type MountInput, planMounts, renderPlan } from '../../sidecar-init/mounts.ts'
import { mountsBelow, renderResolvConf } from '../../sidecar-init/view.ts'
import { parseAddress } from '../../gateway/net/address.ts'

const input: MountInput = {
  staging: '/tmp/stage',
  runDirectory: '/srv/job',
  resolvConf: '/tmp/stage/resolv.conf',
  resolvTarget: '/etc/resolv.conf',
  cwd: '/srv/build',
  uid: 1000,
  gid: 100,
  ownVarRun: false,
  keep: ['/run/lock'],
  cgroups: [],
  doors: [],
  emptied: [],
  kernelFiles: ['/proc/sys'],
  otherProc: [],
  otherSys: [],
  queues: [],
}

const plan = (change: Partial<MountInput> = {}): readonly string[] =>
  renderPlan(planMounts({ ...input, ...change }))
    .trimEnd()
    .split('\n')

t.test('planMounts(): /run is replaced in one move, when all that goes into it is there', async t => {
  const steps = plan()
  t.equal(steps.at(-1), 'move\t/tmp/stage/run\t/run')
  t.ok(steps.includes('bind-read-only\t/srv/job\t/tmp/stage/run/tidegate'))
  t.ok(steps.includes('bind\t/run/lock\t/tmp/stage/run/lock'))
  t.ok(steps.includes('owner\t/tmp/stage/run/user/1000\t1000:100'))
  t.ok(steps.includes('bind-read-only\t/proc/sys\t/proc/sys'))
  t.ok(steps.includes('bind-read-only\t/tmp/stage/resolv.conf\t/etc/resolv.conf'))
})

t.test('planMounts(): a resolv.conf that leads into /run is made in the new one', async t => {
  const steps = plan({ resolvTarget: '/run/systemd/resolve/stub-resolv.conf' })
  t.ok(steps.includes('copy\t/tmp/stage/resolv.conf\t/tmp/stage/run/systemd/resolve/stub-resolv.conf'))
  t.notOk(steps.some(step => step.includes('/etc/resolv.conf')))
})

t.test('planMounts(): a working folder below /run stays, and nothing beside it', async t => {
  t.ok(plan({ cwd: '/run/agent/work' }).includes('bind\t/run/agent/work\t/tmp/stage/run/agent/work'))
  t.notOk(plan({ cwd: '/runner/work' }).some(step => step.includes('/runner')))
})

t.test('planMounts(): control groups stay readable, and only that', async t => {
  const steps = plan({ cgroups: ['/sys/fs/cgroup', '/sys/fs/cgroup/memory'] })
  t.ok(steps.indexOf('bind\t/sys/fs/cgroup\t/tmp/stage/cgroup') < steps.indexOf('sysfs\t/sys'))
  t.ok(steps.includes('read-only\t/sys/fs/cgroup/memory'))
})

t.test('planMounts(): doors are covered before /run, and /var/run follows where it is a folder', async t => {
  const steps = plan({ doors: ['/srv/x/docker.sock'], emptied: ['/dev/infiniband'], ownVarRun: true })
  t.ok(steps.includes('cover\t/srv/x/docker.sock'))
  t.ok(steps.includes('tmpfs\t/dev/infiniband\t755'))
  t.equal(steps.at(-1), 'bind\t/run\t/var/run')
})

t.test('planMounts(): a hosts file of the job’s own may be written', async t => {
  const hosts = { made: '/tmp/stage/hosts', target: '/etc/hosts' }
  t.ok(plan({ hosts }).includes('bind\t/tmp/stage/hosts\t/etc/hosts'))
  t.notOk(plan().some(step => step.includes('hosts')))
})

t.test('planMounts(): message queues are the job’s own', async t => {
  t.ok(plan({ queues: ['/dev/mqueue'] }).includes('mqueue\t/dev/mqueue'))
})

t.test('planMounts(): a second /proc shows the job’s own processes, when that is made safe', async t => {
  const steps = plan({ otherProc: ['/srv/root/proc'], otherSys: ['/srv/root/sys'] })
  t.ok(steps.indexOf('bind-read-only\t/proc/sys\t/proc/sys') < steps.indexOf('bind\t/proc\t/srv/root/proc'))
  t.ok(steps.indexOf('sysfs\t/sys') < steps.indexOf('bind\t/sys\t/srv/root/sys'))
})

t.test('renderPlan(): a path that would be read as another step is refused', async t => {
  t.throws(() => plan({ cwd: '/run/a\nbind\t/\t/mnt' }), RangeError)
})

function socketLine(path: string): string {
  return `0000000037f33d80: 00000002 00000000 00010000 0001 01  1506${path}`
}

function mountLine(path: string): string {
  return `30 20 0:26 / ${path} rw - cgroup2 cgroup2 rw`
}

t.test('boundPaths(): sockets in the file system, not abstract ones', async t => {
  t.strictSame(
    boundPaths(
      [
        'Num RefCount …',
        socketLine(' /run/docker.sock'),
        socketLine(' /tmp/a b'),
        socketLine(' @abstract'),
        socketLine(''),
      ].join('\n'),
    ),
    ['/run/docker.sock', '/tmp/a b'],
  )
})

t.test('mountsBelow(): mount points with their escapes undone', async t => {
  t.strictSame(
    mountsBelow(
      '/sys/fs/cgroup',
      [
        mountLine('/sys'),
        mountLine('/sys/fs/cgroup'),
        mountLine('/sys/fs/cgroup/a\\040b'),
        mountLine('/sys/fs/cgroups'),
      ].join('\n'),
    ),
    ['/sys/fs/cgroup', '/sys/fs/cgroup/a b'],
  )
})

t.test('renderResolvConf(): our name server only, the machine’s search list and ndots', async t => {
  const address = parseAddress('198.19.0.1')
  if (address === undefined) throw new TypeError('address')
  const text = renderResolvConf(
    address,
    'nameserver 192.0.2.53\nsearch corp.example.com\noptions edns0 ndots:2 rotate\n',
  )
  t.equal(text.replace(/^#.*\n/, ''), 'nameserver 198.19.0.1\nsearch corp.example.com\noptions ndots:2\n')
  t.equal(renderResolvConf(address, '').replace(/^#.*\n/, ''), 'nameserver 198.19.0.1\n')
})

const status = (bounding: string, seccomp = 2): string =>
  `CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t${bounding}\nCapAmb:\t0000000000000000\nSeccomp:\t${seccomp}\n`

t.test('excessSets(): a job may have its own capabilities and none beside', async t => {
  for (const [sets, mask] of [
    [[], '0000000000000000'],
    [[], '00000000a00425fb'],
    [['CapBnd'], '0000000000001000'],
    [['CapBnd'], '0000000000200000'],
    [['CapBnd'], '000001ffffffffff'],
  ] as const) {
    const parsed = parseStatus(status(mask))
    t.strictSame(parsed === undefined ? undefined : excessSets(parsed), sets, mask)
  }
  t.equal(parseStatus('Name:\tx\n'), undefined)
})

t.test('jobCapabilities: none of those with which a job could leave the wire', async t => {
  const dangerous = new Set<string>([
    'net_admin',
    'sys_admin',
    'sys_ptrace',
    'sys_module',
    'sys_rawio',
    'bpf',
    'perfmon',
    'dac_read_search',
    'mknod',
  ])
  t.strictSame(
    jobCapabilities.filter(name => dangerous.has(name)),
    [],
  )
  t.match(boundingSet, /^-all,\+chown,/)
})
