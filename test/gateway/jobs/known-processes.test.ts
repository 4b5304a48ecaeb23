import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { openAttribution } from '../../../gateway/jobs/attribution.ts'
import { allProcesses } from '../../../gateway/jobs/job-processes.ts'
import { KnownProcesses } from '../../../gateway/jobs/known-processes.ts'
import { parseAddress } from '../../../gateway/net/address.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import { openNamespaces } from '../../../gateway/packet/namespace.ts'
import { openSocketTable } from '../../../gateway/packet/sock-diag.ts'

const needs =
  (process.geteuid?.() !== 0 && 'needs root') || (!existsSync('/bin/bash') && 'needs bash, which connects by itself')
if (needs !== false && process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error(needs)

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('absent')
  return value
}

const inode = 5
const uid = 1_000
const client = { pid: 9, exe: '/usr/bin/curl', command: 'curl', uid, parents: ['/usr/bin/sh'] }

/** `/proc/PID/stat` and `exe`; `args`: where the arguments lie. */
function writeProcess(
  root: string,
  pid: number,
  { parent = 1, started = 77, args = '140730', exe = `/usr/bin/program-${pid}` } = {},
): void {
  rmSync(`${root}/${pid}`, { recursive: true, force: true })
  mkdirSync(`${root}/${pid}`, { recursive: true })
  symlinkSync(exe, `${root}/${pid}/exe`)
  const fields = Array.from({ length: 50 }, () => '0')
  fields[0] = 'S'
  fields[1] = String(parent)
  fields[19] = String(started)
  fields[45] = args
  writeFileSync(`${root}/${pid}/stat`, `${pid} (a ) 1 2 name) ${fields.join(' ')}\n`)
}

function learned(root: string): KnownProcesses {
  writeProcess(root, 8, { exe: '/usr/bin/sh' })
  writeProcess(root, 9, { parent: 8 })
  const known = new KnownProcesses(root)
  known.learn(9, client, [8], known.fingerprint(9), new Set([4]))
  return known
}

t.test('recall(): a process that is what it was', async t => {
  t.equal(learned(t.testdir()).recall(9, inode, uid, new Set()), client)
})

const changes: readonly (readonly [sentence: string, change: (root: string) => void])[] = [
  ['executed another program', root => writeProcess(root, 9, { parent: 8, args: '140999' })],
  ['is another process under the same number', root => writeProcess(root, 9, { parent: 8, started: 78 })],
  ['lost its parent', root => writeProcess(root, 9, { parent: 1 })],
  ['has ended', root => rmSync(`${root}/9`, { recursive: true })],
  ['has a parent that became another program', root => writeProcess(root, 8, { exe: '/usr/bin/make' })],
  ['has a grandparent that has ended', root => rmSync(`${root}/8`, { recursive: true })],
]
for (const [sentence, change] of changes) {
  t.test(`recall(): not one that ${sentence}`, async t => {
    const root = t.testdir()
    const known = learned(root)
    change(root)
    t.equal(known.recall(9, inode, uid, new Set()), undefined)
  })
}

t.test('recall(): asks once in a look, and again in the next', async t => {
  const root = t.testdir()
  const known = learned(root)
  const look = new Set<number>()
  known.recall(9, inode, uid, look)
  writeProcess(root, 9, { parent: 8, args: '140999' })
  t.equal(known.recall(9, 6, uid, look), client, 'who was known before and is known now was the same all the while')
  t.equal(known.recall(9, 4, uid, look), undefined, 'what its parent held is asked for each socket')
  t.equal(known.recall(9, 7, uid, new Set()), undefined)
})

t.test('recall(): not for a socket that its parent held, nor for one of another user', async t => {
  const known = learned(t.testdir())
  t.equal(known.recall(9, 4, uid, new Set()), undefined)
  t.equal(known.recall(9, inode, 0, new Set()), undefined)
  t.equal(known.recall(8, inode, uid, new Set()), undefined, 'nor one that was never looked at')
})

t.test('learn(): nothing of a process that changed while it was read', async t => {
  const root = t.testdir()
  writeProcess(root, 9)
  const known = new KnownProcesses(root)
  const before = known.fingerprint(9)
  writeProcess(root, 9, { args: '140999' })
  known.learn(9, client, [], before, new Set())
  t.equal(known.recall(9, inode, uid, new Set()), undefined)
})

t.test('learn(): nothing where the kernel does not show what an execution changes', async t => {
  const root = t.testdir()
  writeProcess(root, 9, { args: '0' })
  const known = new KnownProcesses(root)
  t.equal(known.fingerprint(9), undefined)
  known.learn(9, client, [], known.fingerprint(9), new Set())
  t.equal(known.recall(9, inode, uid, new Set()), undefined)
})

t.test('learn(): the oldest of too many is forgotten', async t => {
  const root = t.testdir()
  const known = new KnownProcesses(root)
  for (let pid = 10; pid < 10 + 65; pid += 1) {
    writeProcess(root, pid)
    known.learn(pid, { ...client, pid, parents: [] }, [], known.fingerprint(pid), new Set())
  }
  t.equal(known.recall(10, inode, uid, new Set()), undefined)
  t.match(known.recall(11, inode, uid, new Set()), { pid: 11 })
})

t.test('openAttribution(): a shell that executes another shell is told as what it is now', { skip: needs }, async t => {
  using namespace = openNamespaces(process.pid)
  using sockets = openSocketTable(namespace)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port }: AddressInfo = Object(server.address())
  const attribute = openAttribution({
    sockets,
    processes: allProcesses('/proc'),
    // However many processes the machine has: this is not about time.
    now: () => 0,
    failed: cause => {
      throw cause
    },
  })
  const accepted = async (): Promise<Parameters<typeof attribute>[0]> => {
    const [socket]: Socket[] = await once(server, 'connection')
    t.teardown(() => socket?.destroy())
    const end = (address: string | undefined, number: number | undefined) => ({
      address: present(parseAddress(present(address))),
      port: present(parsePort(present(number))),
    })
    const { remoteAddress, remotePort, localAddress, localPort } = present(socket)
    return { transport: 'tcp', source: end(remoteAddress, remotePort), destination: end(localAddress, localPort) }
  }
  const dial = `exec 3<>/dev/tcp/127.0.0.1/${port}; read line`
  const shell = spawn('/bin/bash', ['-c', `${dial}; exec /bin/bash -c "${dial}" two`, 'one'], { stdio: ['pipe'] })
  t.teardown(() => shell.kill('SIGKILL'))
  const first = await attribute(await accepted())
  t.match(first, { pid: shell.pid, command: / one$/ })
  const asked = accepted()
  shell.stdin.write('go on\n')
  const second = await attribute(await asked)
  t.match(second, { pid: shell.pid, exe: present(first).exe, command: / two$/ })
  shell.stdin.end('\n')
  await once(shell, 'exit')
})
