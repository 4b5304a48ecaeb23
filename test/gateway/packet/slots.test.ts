import { readdirSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { claimSlot, deadSlots, routedNetworks, slotCount, slotNumbered } from '../../../gateway/packet/slots.ts'

t.test('slotNumbered(): every slot has names and addresses of its own, inside 198.19.0.0/16', async t => {
  const slots = Array.from({ length: slotCount }, (_, number) => slotNumbered(number))
  for (const key of ['id', 'device', 'table', 'routeTable', 'gatewayAddress', 'jobAddress'] as const) {
    t.equal(new Set(slots.map(slot => slot[key])).size, slotCount, key)
  }
  t.ok(
    slots.every(({ device }) => device.length <= 15),
    'the kernel takes 15 characters',
  )
  t.match(slotNumbered(0x1a2b), { device: 'tg1a2b', gatewayAddress: '198.19.104.173', jobAddress: '198.19.104.174' })
  t.match(slotNumbered(slotCount - 1), { gatewayAddress: '198.19.255.253' })
})

t.test('claimSlot(): two claims never share a slot, and a released one is free again', async t => {
  const directory = t.testdir()
  const first = claimSlot(directory, 7)
  const second = claimSlot(directory, 7)
  t.equal(first.id, '0007')
  t.equal(second.id, '0008')
  first[Symbol.dispose]()
  t.equal(claimSlot(directory, 7).id, '0007')
  t.strictSame(readdirSync(directory), ['0007', '0008'], 'no drafts are left')
  t.equal(claimSlot(`${directory}/other`, slotCount - 1).id, '3fff')
})

t.test('deadSlots(): only those whose owner is gone, also when its pid lives again', async t => {
  const directory = t.testdir()
  claimSlot(directory, 1)
  writeFileSync(`${directory}/0002`, JSON.stringify({ pid: process.pid, startTime: '1' }))
  writeFileSync(`${directory}/0003`, JSON.stringify({ pid: 4_194_305, startTime: '1' }))
  writeFileSync(`${directory}/0004`, 'rubbish')
  writeFileSync(`${directory}/../0005`, JSON.stringify({ pid: 1, startTime: '' }))
  t.strictSame(
    deadSlots(directory)
      .map(({ id }) => id)
      .toSorted(),
    ['0002', '0003'],
  )
  for (const slot of deadSlots(directory)) slot[Symbol.dispose]()
  t.strictSame(deadSlots(directory), [])
  t.strictSame(deadSlots('/nonexistent'), [])
})

t.test('routedNetworks(): networks of the main table, without the default route', async t => {
  const text =
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n'
  t.strictSame(routedNetworks(text), [{ start: 0xc0000200, end: 0xc00002ff }])
  fc.assert(fc.property(fc.string(), noise => void routedNetworks(noise)))
})
