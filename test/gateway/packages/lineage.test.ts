import fc from 'fast-check'
import t from 'tap'
import type { ReadProcess } from '../../../gateway/packages/install-script.ts'
import { Lineage } from '../../../gateway/packages/lineage.ts'
import type { ProcessEvent } from '../../../gateway/packet/process-events.ts'
import { born, ended, executed, installer, Machine, plain, root, script } from './machine.ts'

/** `batches`: events that are seen together; `lives`: what is there when they are. */
function after(batches: readonly (readonly ProcessEvent[])[], lives: Readonly<Record<number, ReadProcess>>): Lineage {
  const machine = new Machine()
  for (const [pid, read] of Object.entries(lives)) machine.processes.set(Number(pid), read)
  const lineage = new Lineage(root, machine, () => undefined)
  for (const batch of batches) lineage.take(batch)
  return lineage
}

const npm = [born(1_001, root), executed(1_001)]
const rows: readonly [
  what: string,
  batches: readonly (readonly ProcessEvent[])[],
  lives: Readonly<Record<number, ReadProcess>>,
  asked: number,
  found: object | undefined,
][] = [
  ['a script', [npm, [born(1_002, 1_001), executed(1_002)]], { 1001: installer, 1002: script }, 2, script.script],
  [
    'what a script has started before it was seen to be one',
    [npm, [born(1_002, 1_001), executed(1_002), born(1_003, 1_002), executed(1_003)]],
    { 1001: installer, 1002: script, 1003: plain },
    3,
    script.script,
  ],
  [
    'what it left behind through two forks',
    [
      npm,
      [born(1_002, 1_001), executed(1_002)],
      [born(1_003, 1_002), ended(1_002), born(1_004, 1_003), ended(1_003), executed(1_004)],
    ],
    { 1001: installer, 1002: script, 1004: plain },
    4,
    script.script,
  ],
  [
    'what was left behind by one that nobody saw',
    [npm, [born(1_002, 1_001), executed(1_002), born(1_003, 1_002), executed(1_003), ended(1_002)]],
    { 1001: installer, 1003: plain },
    3,
    { ecosystem: 'npm', of: undefined },
  ],
  [
    'the same of a shell that installs nothing',
    [npm, [born(1_002, 1_001), executed(1_002), born(1_003, 1_002), executed(1_003), ended(1_002)]],
    { 1001: plain, 1003: plain },
    3,
    undefined,
  ],
  ['git below npm', [npm, [born(1_002, 1_001), executed(1_002)]], { 1001: installer, 1002: plain }, 2, undefined],
  ['npm itself', [npm], { 1001: installer }, 1, undefined],
  [
    'another process with the number of one that was a script',
    [npm, [born(1_002, 1_001), executed(1_002)], [ended(1_002)], [born(1_002, root), executed(1_002)]],
    { 1001: installer, 1002: script },
    2,
    // It is read again, and is what it is now.
    script.script,
  ],
  [
    'a service that a Debian package has started',
    [[born(1_001, root), executed(1_001), born(1_002, 1_001), ended(1_001)]],
    { 1001: { script: { ecosystem: 'deb', of: 'squid' }, installs: undefined }, 1002: plain },
    2,
    undefined,
  ],
]

for (const [what, batches, lives, asked, found] of rows)
  t.test(`scriptOf(): ${what}`, async t => {
    t.same(after(batches, lives).scriptOf(asked), found)
  })

t.test('another process with the number of a script is none of it', async t => {
  const machine = new Machine()
  machine.processes.set(1_002, script)
  const lineage = new Lineage(root, machine, () => undefined)
  lineage.take([...npm, born(1_002, 1_001), executed(1_002)])
  t.ok(lineage.scriptOf(2))
  machine.processes.set(1_002, plain)
  lineage.take([ended(1_002), born(1_002, root), executed(1_002)])
  t.equal(lineage.scriptOf(2), undefined)
  lineage.take([born(1_002, 77)])
  t.equal(lineage.scriptOf(2), undefined, 'nor one that is none of the job’s')
})

t.test('what is below a script is not read again', async t => {
  const machine = new Machine()
  machine.processes.set(1_002, script)
  const lineage = new Lineage(root, machine, () => undefined)
  lineage.take([...npm, born(1_002, 1_001), executed(1_002)])
  const { reads } = machine
  for (let pid = 1_003; pid < 1_100; pid += 1) lineage.take([born(pid, 1_002), executed(pid)])
  t.equal(machine.reads, reads)
  t.ok(lineage.scriptOf(99))
})

t.test('the number of a process that is gone is asked for once', async t => {
  const machine = new Machine()
  machine.processes.set(1_002, script)
  const lineage = new Lineage(root, machine, () => undefined)
  lineage.take([...npm, born(1_002, 1_001), executed(1_002)])
  lineage.take([born(1_003, 1_002), ended(1_003), ended(1_002)])
  machine.left.add(1_002)
  machine.left.add(1_003)
  t.equal(lineage.scriptOf(7), undefined)
  t.equal(machine.asked, 2)
  t.equal(lineage.scriptOf(7), undefined)
  t.equal(machine.asked, 2)
})

t.test('what makes one child after another, and ends, is not kept', async t => {
  const machine = new Machine()
  const lineage = new Lineage(root, machine, () => undefined)
  const generations = 20_000
  lineage.take([born(1_001, root)])
  for (let at = 1_001; at < 1_001 + generations; at += 1) lineage.take([born(at + 1, at), ended(at)])
  t.ok(lineage.size < 2_000, `${lineage.size} are known`)
  machine.processes.set(1_001 + generations, script)
  lineage.take([executed(1_001 + generations)])
  t.ok(lineage.scriptOf(1 + generations))
})

t.test('the number of one whose first thread has ended stays its own', async t => {
  const machine = new Machine()
  machine.processes.set(1_002, script)
  const lineage = new Lineage(root, machine, () => undefined)
  lineage.take([...npm, born(1_002, 1_001), executed(1_002)])
  lineage.take([ended(1_002)])
  for (let pid = 2_000; pid < 5_000; pid += 1) lineage.take([born(pid, root), ended(pid)])
  lineage.take([born(1_900, 1_002), executed(1_900)])
  t.same(lineage.scriptOf(900), script.script)
})

t.test('however births are cut into batches, each is below a script that has one above it', async () => {
  const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(
      parents,
      fc.nat(),
      fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
      (makers, chosen, cuts) => {
        const machine = new Machine()
        const events: ProcessEvent[] = []
        const above = new Map<number, number>()
        const marked = root + 1 + (chosen % makers.length)
        for (const [at, maker] of makers.entries()) {
          const pid = root + 1 + at
          const parent = root + (maker % (at + 1))
          above.set(pid, parent)
          machine.processes.set(pid, pid === marked ? script : plain)
          events.push(born(pid, parent), executed(pid))
        }
        const lineage = new Lineage(root, machine, () => undefined)
        let batch: ProcessEvent[] = []
        for (const [at, event] of events.entries()) {
          batch.push(event)
          if (cuts[at] === true) lineage.take(batch.splice(0))
        }
        lineage.take(batch)
        const isBelow = (pid: number): boolean => pid === marked || (pid > root && isBelow(above.get(pid) ?? root))
        return [...above.keys()].every(pid => (lineage.scriptOf(pid - root) !== undefined) === isBelow(pid))
      },
    ),
  )
})
