import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, createConnection, type AddressInfo } from 'node:net'
import { createSocket } from 'node:dgram'
import t from 'tap'
import { openAttribution } from '../../../gateway/jobs/attribution.ts'
import { allProcesses } from '../../../gateway/jobs/job-processes.ts'
import { ancestors, readProcess } from '../../../gateway/jobs/process.ts'
import { parseAddress } from '../../../gateway/net/address.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import { openNamespaces } from '../../../gateway/packet/namespace.ts'
import { openSocketTable } from '../../../gateway/packet/sock-diag.ts'

const needsRoot = process.geteuid?.() !== 0 && 'needs root'
if (needsRoot !== false && process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error(needsRoot)

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('absent')
  return value
}

const at = (address: string, port: number) => ({
  address: present(parseAddress(address)),
  port: present(parsePort(port)),
})
const anywhere = { transport: 'tcp', source: at('192.0.2.1', 1), destination: at('192.0.2.2', 2) } as const
const failed = (cause: unknown): never => {
  throw cause
}

interface Fake {
  readonly parent: number
  readonly sockets: readonly number[]
}

/** A procfs of files: processes, their parents, and the inodes of their sockets. */
function fakeProc(root: string, processes: Readonly<Record<number, Fake>>): string {
  for (const [pid, { parent, sockets }] of Object.entries(processes)) {
    mkdirSync(`${root}/${pid}/fd`, { recursive: true })
    symlinkSync(`/usr/bin/program-${pid}`, `${root}/${pid}/exe`)
    writeFileSync(`${root}/${pid}/cmdline`, `program-${pid}\0--flag\0`)
    writeFileSync(`${root}/${pid}/status`, `Name:\tx\nUid:\t0\t1000\t0\t0\n`)
    writeFileSync(`${root}/${pid}/stat`, `${pid} (a ) name) S ${parent} 1 1 0`)
    symlinkSync('/dev/null', `${root}/${pid}/fd/0`)
    for (const [index, inode] of sockets.entries()) symlinkSync(`socket:[${inode}]`, `${root}/${pid}/fd/${index + 3}`)
  }
  return root
}

const cases: readonly (readonly [
  sentence: string,
  processes: Readonly<Record<number, Fake>>,
  pid: number | undefined,
])[] = [
  ['one process holds it', { 7: { parent: 0, sockets: [5] }, 8: { parent: 7, sockets: [6] } }, 7],
  ['a child holds what its parent opened', { 7: { parent: 0, sockets: [5] }, 8: { parent: 7, sockets: [5] } }, 7],
  [
    'a grandchild holds it and the child does not',
    { 7: { parent: 0, sockets: [5] }, 8: { parent: 7, sockets: [] }, 9: { parent: 8, sockets: [5] } },
    7,
  ],
  ['nobody holds it', { 7: { parent: 0, sockets: [6] } }, undefined],
  ['process 1 is ours', { 1: { parent: 0, sockets: [5] }, 7: { parent: 1, sockets: [] } }, undefined],
]
for (const [sentence, processes, pid] of cases) {
  t.test(`openAttribution(): ${sentence}`, async t => {
    const attribute = openAttribution({
      sockets: { find: () => ({ inode: 5, uid: 0 }) },
      processes: allProcesses(fakeProc(t.testdir(), processes)),
      failed,
    })
    t.equal((await attribute(anywhere))?.pid, pid)
    t.equal((await attribute(anywhere))?.pid, pid, 'the second time as well')
  })
}

t.test('openAttribution(): who is not found at once is searched for once more', async t => {
  const owners = [undefined, { inode: 5, uid: 0 }, undefined, undefined]
  const attribute = openAttribution({
    sockets: { find: () => owners.shift() },
    processes: allProcesses(fakeProc(t.testdir(), { 7: { parent: 0, sockets: [5] } })),
    failed,
  })
  t.match(await attribute(anywhere), { pid: 7 })
  t.equal(await attribute(anywhere), undefined)
  t.equal(owners.length, 0)
})

t.test('openAttribution(): what takes too long is not said', async t => {
  let now = 0
  const procRoot = fakeProc(t.testdir(), { 7: { parent: 0, sockets: [5] } })
  const attribute = openAttribution({
    sockets: { find: () => ({ inode: 5, uid: 0 }) },
    processes: allProcesses(procRoot),
    failed,
    now: () => (now += 60),
  })
  t.equal(await attribute(anywhere), undefined)
})

t.test('openAttribution(): a kernel that cannot be asked is told, and the flow goes on', async t => {
  const told: unknown[] = []
  const sockets = { find: () => failed(new Error('no netlink')) }
  const attribute = openAttribution({
    sockets,
    processes: allProcesses('/nonexistent'),
    failed: cause => void told.push(cause),
  })
  t.equal(await attribute(anywhere), undefined)
  t.match(told, [{ message: 'no netlink' }])
})

t.test('readProcess(): command, user and parents; names with parentheses do not confuse it', async t => {
  const root = fakeProc(t.testdir(), {
    7: { parent: 0, sockets: [] },
    8: { parent: 7, sockets: [] },
    9: { parent: 8, sockets: [] },
  })
  t.strictSame(readProcess(root, 9), {
    pid: 9,
    exe: '/usr/bin/program-9',
    command: 'program-9 --flag',
    uid: 1_000,
    parents: ['/usr/bin/program-8', '/usr/bin/program-7'],
  })
  t.equal(readProcess(root, 10), undefined)
  t.strictSame(ancestors(root, 10), [])
})

t.test('readProcess(): the command is at most 512 characters', async t => {
  const child = spawn('sh', ['-c', 'read x', 'sh', 'y'.repeat(5_000)], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  t.equal(readProcess('/proc', present(child.pid))?.command.length, 512)
  child.kill()
  await once(child, 'exit')
})

t.test('openSocketTable(): finds a connection of this process, exactly', { skip: needsRoot }, async t => {
  using namespace = openNamespaces(process.pid)
  using sockets = openSocketTable(namespace)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port }: AddressInfo = Object(server.address())
  const client = createConnection(port, '127.0.0.1')
  await once(client, 'connect')
  const [source, destination] = [at('127.0.0.1', present(client.localPort)), at('127.0.0.1', port)]
  const attribute = openAttribution({ sockets, processes: allProcesses('/proc'), failed })
  t.match(await attribute({ transport: 'tcp', source, destination }), {
    pid: process.pid,
    uid: 0,
    exe: process.execPath,
  })
  t.equal(sockets.find('tcp', at('127.0.0.1', port), at('127.0.0.1', 1)), undefined, 'a listener is no connection')
  t.equal(sockets.find('tcp', source, at('127.0.0.9', port)), undefined)
  client.destroy()
  server.close()
})

async function open(options: { readonly reusePort?: boolean; readonly ipv6?: boolean } = {}, port = 0) {
  const socket = createSocket({
    type: options.ipv6 === true ? 'udp6' : 'udp4',
    reusePort: options.reusePort ?? false,
  })
  socket.bind(port)
  await once(socket, 'listening')
  return socket
}

t.test(
  'openSocketTable(): finds UDP sockets, unconnected ones too, unless two share the port',
  { skip: needsRoot },
  async t => {
    using namespace = openNamespaces(process.pid)
    using sockets = openSocketTable(namespace)
    const find = (port: number) => sockets.find('udp', at('127.0.0.1', port), at('192.0.2.1', 53))
    const [plain, dual, first] = [await open(), await open({ ipv6: true }), await open({ reusePort: true })]
    t.ok(find(plain.address().port), 'unconnected')
    t.ok(find(dual.address().port), 'a socket of both families')
    t.ok(find(first.address().port))
    const second = await open({ reusePort: true }, first.address().port)
    t.equal(find(first.address().port), undefined, 'of two, nobody knows')
    for (const socket of [plain, dual, first, second]) socket.close()
    t.equal(find(1), undefined)
  },
)

function here(): string {
  return readlinkSync('/proc/thread-self/ns/net')
}

t.test('openNamespaces(): is back home after an error too', { skip: needsRoot }, async t => {
  const child = spawn('unshare', ['-n', 'sh', '-c', 'echo in; read x'], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const home = here()
  using namespaces = openNamespaces(present(child.pid), ['net', 'pid'])
  t.not(namespaces.run(here), home)
  t.equal(here(), home)
  t.throws(() => namespaces.run(() => failed(new Error('inside'))), { message: 'inside' })
  t.equal(here(), home)
  t.equal(readlinkSync('/proc/thread-self/ns/pid_for_children'), readlinkSync('/proc/thread-self/ns/pid'))
  t.throws(() => openNamespaces(4_194_305), { code: 'SOCKET_FAILED' })
  child.kill()
  await once(child, 'exit')
})
