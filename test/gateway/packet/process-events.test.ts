import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import { openProcessEvents, parseEvent, type ProcessEvent } from '../../../gateway/packet/process-events.ts'

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

t.test('parseEvent(): no bytes make it fail', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
      parseEvent(Buffer.from(bytes))
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
