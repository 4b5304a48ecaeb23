import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { containerOf, NamespaceProcesses } from '../../../gateway/jobs/namespace-processes.ts'
import { openProcAttribution } from '../../../gateway/jobs/proc-attribution.ts'
import { parseAddress } from '../../../gateway/net/address.ts'
import { parsePort } from '../../../gateway/net/port.ts'

const netns = 'net:[4026532000]'
const id = (digit: string): string => digit.repeat(64)

interface Fake {
  readonly parent: number
  readonly netns?: string
  readonly inner?: number
  readonly cgroup?: string
}

function fakeProc(root: string, processes: Readonly<Record<number, Fake>>): string {
  for (const [pid, { parent, netns: own = netns, inner = pid, cgroup = '' }] of Object.entries(processes)) {
    mkdirSync(`${root}/${pid}/ns`, { recursive: true })
    symlinkSync(own, `${root}/${pid}/ns/net`)
    symlinkSync(`/usr/bin/program-${pid}`, `${root}/${pid}/exe`)
    writeFileSync(`${root}/${pid}/cmdline`, `program-${pid}\0`)
    writeFileSync(`${root}/${pid}/status`, `Name:\tx\nNSpid:\t${pid}\t${inner}\nUid:\t0\t1000\t0\t0\n`)
    writeFileSync(`${root}/${pid}/stat`, `${pid} (x) S ${parent} 1 1 0`)
    writeFileSync(`${root}/${pid}/cgroup`, cgroup)
  }
  return root
}

const elsewhere = 'net:[4026531840]'

t.test('NamespaceProcesses: sees those of its namespace, and parents up to whoever started the container', async t => {
  const root = fakeProc(t.testdir(), {
    2: { parent: 1, netns: elsewhere },
    30: { parent: 2, inner: 1, cgroup: `0::/system.slice/docker-${id('a')}.scope\n` },
    31: { parent: 30, inner: 7, cgroup: `0::/system.slice/docker-${id('a')}.scope\n` },
    40: { parent: 2, netns: elsewhere },
  })
  const processes = new NamespaceProcesses(root, netns, () => 0)
  t.same(processes.pids(), [31, 30])
  t.same(processes.parents(31), [30])
  t.strictSame(processes.read(31, processes.parents(31)), {
    pid: 7,
    exe: '/usr/bin/program-31',
    command: 'program-31',
    uid: 1_000,
    parents: ['/usr/bin/program-30'],
    container: id('a'),
  })
  t.equal(processes.read(40, []), undefined, 'one that has left it is not told of')
})

t.test('NamespaceProcesses: one that comes in is seen soon, one that leaves at once', async t => {
  let now = 0
  const root = fakeProc(t.testdir(), { 30: { parent: 2, netns: elsewhere } })
  const processes = new NamespaceProcesses(root, netns, () => now)
  t.same(processes.pids(), [])
  rmSync(`${root}/30/ns/net`)
  symlinkSync(netns, `${root}/30/ns/net`)
  now += 101
  t.same(processes.pids(), [30])
  t.equal(processes.some(), 30)
  rmSync(`${root}/30/ns/net`)
  symlinkSync(elsewhere, `${root}/30/ns/net`)
  t.same(processes.pids(), [])
})

t.test('NamespaceProcesses: where nobody can be seen, nobody is looked for in a while', async t => {
  let now = 0
  const root = fakeProc(t.testdir(), { 30: { parent: 2, netns: elsewhere } })
  const processes = new NamespaceProcesses(root, netns, () => now)
  t.equal(processes.some(), undefined)
  fakeProc(root, { 31: { parent: 2 } })
  t.equal(processes.some(), undefined)
  now += 1_001
  t.equal(processes.some(), 31)
})

const groups: readonly (readonly [sentence: string, cgroup: string, container: string | undefined])[] = [
  ['the first version of control groups', `12:pids:/docker/${id('a')}\n1:cpu:/docker/${id('a')}\n0::/\n`, id('a')],
  ['systemd', `0::/system.slice/docker-${id('b')}.scope\n`, id('b')],
  ['a namespace of control groups', `0::/../${id('c')}\n`, id('c')],
  ['Kubernetes', `0::/kubepods/burstable/pod1/cri-containerd-${id('d')}.scope\n`, id('d')],
  ['a container in a container', `0::/docker/${id('a')}/docker/${id('e')}\n`, id('e')],
  ['groups that disagree', `2:a:/docker/${id('a')}\n1:b:/docker/${id('b')}\n`, undefined],
  ['no container', '0::/user.slice/user-0.slice\n', undefined],
  ['more digits than an id has', `0::/docker/${id('a')}f\n`, undefined],
]
for (const [sentence, cgroup, container] of groups) {
  t.test(`containerOf(): ${sentence}`, async t => t.equal(containerOf(cgroup), container))
}

function at(raw: string, number: number | undefined) {
  const [address, port] = [parseAddress(raw), parsePort(number ?? 0)]
  if (address === undefined || port === undefined) throw new TypeError('not an address and port')
  return { address, port }
}

t.test('openProcAttribution(): names a process of this very namespace by /proc alone, and none of another', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port }: AddressInfo = Object(server.address())
  const connecting = `require('net').connect(${port}, '127.0.0.1').on('close', () => process.exit())`
  const child = spawn(process.execPath, ['-e', connecting], { stdio: 'ignore' })
  const [peer]: Socket[] = await once(server, 'connection')
  if (peer === undefined) throw new TypeError('no connection')
  const socket = {
    transport: 'tcp',
    source: at('127.0.0.1', peer.remotePort),
    destination: at('127.0.0.1', port),
  } as const
  const here = readlinkSync('/proc/self/ns/net')
  const found = await openProcAttribution({ netns: here })(socket)
  t.match(found, { pid: child.pid, exe: process.execPath, uid: process.geteuid?.() })
  t.ok(found?.parents.includes(process.execPath), 'this test is its parent')
  t.equal(await openProcAttribution({ netns: 'net:[1]' })(socket), undefined)
  const other = { ...socket, destination: at('127.0.0.2', port) }
  t.equal(await openProcAttribution({ netns: here })(other), undefined)
  peer.destroy()
  await once(child, 'exit')
  t.equal(await openProcAttribution({ netns: here })(socket), undefined, 'who is gone is nobody')
  server.close()
})
