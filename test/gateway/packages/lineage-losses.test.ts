import t from 'tap'
import { Lineage } from '../../../gateway/packages/lineage.ts'
import { descendants } from '../../../gateway/packages/open-lineage.ts'
import type { ProcessEvent } from '../../../gateway/packet/process-events.ts'
import { born, executed, Machine, plain, root, script } from './machine.ts'

t.test('after a loss the living are known by their parents of now, and it is told', async t => {
  const machine = new Machine()
  let told = 0
  const lineage = new Lineage(root, machine, () => (told += 1))
  machine.processes.set(1_002, script)
  machine.processes.set(1_003, plain)
  machine.below_ = [
    { pid: 1_001, parent: root },
    { pid: 1_002, parent: 1_001 },
    { pid: 1_003, parent: 1_002 },
  ]
  lineage.take([{ kind: 'lost' }])
  t.equal(told, 1)
  t.same(lineage.scriptOf(3), script.script)
  lineage.take([born(1_004, 1_003)])
  t.same(lineage.scriptOf(4), script.script)
})

t.test('losses are told once, and looked through once for all of a take, and once a second', async t => {
  const machine = new Machine()
  let told = 0
  let now = 0
  const lineage = new Lineage(
    root,
    machine,
    () => (told += 1),
    () => now,
  )
  const lost: ProcessEvent = { kind: 'lost' }
  lineage.take([lost, born(1_001, root), lost, lost])
  t.equal(machine.scans, 1)
  machine.processes.set(1_002, script)
  now = 999
  lineage.take([lost, born(1_002, root), executed(1_002)])
  lineage.catchUp()
  t.equal(machine.scans, 1)
  t.ok(lineage.scriptOf(2), 'what is told meanwhile counts')
  machine.below_ = [{ pid: 1_003, parent: root }]
  machine.processes.set(1_003, script)
  now = 1_000
  lineage.catchUp()
  t.equal(machine.scans, 2)
  t.ok(lineage.scriptOf(3))
  now = 9_000
  lineage.catchUp()
  t.equal(machine.scans, 2, 'nothing was lost since')
  t.equal(told, 1)
})

t.test('a look through the living that fails is tried again', async t => {
  const machine = new Machine()
  machine.processes.set(1_002, script)
  let now = 0
  const lineage = new Lineage(
    root,
    machine,
    () => undefined,
    () => now,
  )
  lineage.take([born(1_002, root), executed(1_002)])
  const { below } = machine
  machine.below = () => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  }
  t.throws(() => lineage.take([{ kind: 'lost' }]), { code: 'EMFILE' })
  t.ok(lineage.scriptOf(2), 'what was known stays')
  machine.below = below
  now = 1_000
  lineage.catchUp()
  t.equal(machine.scans, 1)
})

t.test('descendants(): parents before children, of a crowd too', async t => {
  t.same(
    descendants(1, [
      { pid: 4, parent: 3 },
      { pid: 1, parent: 4 },
      { pid: 3, parent: 1 },
      { pid: 9, parent: 8 },
    ]).map(({ pid }) => pid),
    [3, 4, 1],
    'a number that was given again while it was read makes no circle',
  )
  const crowd = Array.from({ length: 200_000 }, (_, at) => ({ pid: at + 2, parent: at < 150_000 ? 1 : at }))
  t.equal(descendants(1, crowd).length, 200_000)
})
