import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import {
  confirmationOf,
  openProcessEvents,
  parseEvent,
  type ProcessEvent,
} from '../../../gateway/packet/process-events.ts'

/** struct nlmsghdr, struct cn_msg, struct proc_event with these four numbers. */
function message(what: number, numbers: readonly [number, number, number, number]): Buffer {
  const bytes = Buffer.alloc(76)
  bytes.writeUInt32LE(76, 0)
  bytes.writeUInt32LE(1, 16)
  bytes.writeUInt32LE(1, 20)
  bytes.writeUInt16LE(40, 32)
  bytes.writeUInt32LE(what, 36)
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number, 52 + 4 * at)
  return bytes
}

const rows: readonly [what: string, message: Buffer, event: ProcessEvent | undefined][] = [
  ['a birth', message(1, [7, 6, 9, 9]), { kind: 'born', pid: 9, parent: 6 }],
  ['a thread', message(1, [7, 6, 9, 8]), undefined],
  ['another program', message(2, [9, 9, 0, 0]), { kind: 'executed', pid: 9 }],
  ['another program, by a thread', message(2, [10, 9, 0, 0]), { kind: 'executed', pid: 9 }],
  ['an end', message(0x80000000, [9, 9, 0, 17]), { kind: 'ended', pid: 9 }],
  ['the end of a thread', message(0x80000000, [10, 9, 0, 17]), undefined],
  ['a confirmation', message(0, [0, 0, 0, 0]), undefined],
  ['another user', message(4, [9, 9, 0, 0]), undefined],
]
for (const [what, bytes, event] of rows)
  t.test(`parseEvent(): ${what}`, async t => {
    t.same(parseEvent(bytes), event)
  })

t.test('confirmationOf(): only the answer to what was asked with this mark', async t => {
  const answer = (error: number, ack: number): Buffer => {
    const bytes = message(0, [error, 0, 0, 0])
    bytes.writeUInt32LE(ack, 28)
    return bytes
  }
  t.equal(confirmationOf(answer(0, 8), 7), 0)
  t.equal(confirmationOf(answer(1, 8), 7), 1, 'EPERM')
  t.equal(confirmationOf(answer(0, 9), 7), undefined, 'of another listener')
  const birth = message(1, [0, 0, 0, 0])
  birth.writeUInt32LE(8, 28)
  t.equal(confirmationOf(birth, 7), undefined)
})

t.test('openProcessEvents(): from another pid namespace the kernel takes it and tells nothing: ENOTSUP', async t => {
  const events = openProcessEvents(() => undefined)
  if ('errno' in events) return t.comment(`the kernel tells nothing here: ${events.errno}`)
  events[Symbol.dispose]()
  const module = new URL('../../../gateway/packet/process-events.ts', import.meta.url).href
  const script = `const { openProcessEvents } = await import(${JSON.stringify(module)})
const events = openProcessEvents(() => undefined)
console.log(events.errno ?? 'open')`
  const command = ['--pid', '--fork', process.execPath, '--input-type=module', '--eval', script]
  const { stdout, stderr, error } = spawnSync('unshare', command, { encoding: 'utf8' })
  if (error !== undefined) return t.comment(`unshare cannot be started: ${error.message}`)
  t.equal(stdout, 'ENOTSUP\n', stderr)
})

t.test('parseEvent(): no bytes make it fail', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
      parseEvent(Buffer.from(bytes))
      confirmationOf(Buffer.from(bytes), 1)
    }),
  )
})

t.test('the kernel tells of what is started', async t => {
  const seen: ProcessEvent[] = []
  const events = openProcessEvents(told => seen.push(...told))
  if ('errno' in events) {
    t.match(events.errno, /^E[A-Z]+$/)
    return t.comment(`the kernel tells nothing here: ${events.errno}`)
  }
  const { stdout } = spawnSync('sh', ['-c', 'sh -c "echo \\$\\$ \\$PPID; exit 0"; exit 0'], { encoding: 'utf8' })
  const [child = 0, parent = 0] = stdout.trim().split(' ').map(Number)
  t.equal(events.drain(), true)
  const own = seen.filter(event => event.kind !== 'lost' && (event.pid === child || event.pid === parent))
  t.same(own, [
    { kind: 'born', pid: parent, parent: process.pid },
    { kind: 'executed', pid: parent },
    { kind: 'born', pid: child, parent },
    { kind: 'executed', pid: child },
    { kind: 'ended', pid: child },
    { kind: 'ended', pid: parent },
  ])
  const told = seen.length
  events[Symbol.dispose]()
  events[Symbol.dispose]()
  spawnSync('true')
  t.equal(events.drain(), false)
  t.equal(seen.length, told)
})
