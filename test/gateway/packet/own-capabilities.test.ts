import t from 'tap'
import { capabilityData, permittedButUnused } from '../../../gateway/packet/own-capabilities.ts'

const status = (permitted: string, effective: string): string =>
  `Name:\tMainThread\nCapInh:\t0000000000000000\nCapPrm:\t${permitted}\nCapEff:\t${effective}\nCapBnd:\t00000000a80425fb\n`

const cases: readonly [string, string, bigint | undefined][] = [
  ['a user who was given NET_ADMIN by the file', status('0000000000001000', '0000000000000000'), 0x1000n],
  ['root, who uses all that it has', status('0000000000001000', '0000000000001000'), undefined],
  ['a user who was given nothing', status('0000000000000000', '0000000000000000'), undefined],
  ['capabilities past the 32nd', status('0000018000081000', '0000018000000000'), 0x018000081000n],
  ['a status without capabilities', 'Name:\tx\n', undefined],
]
for (const [name, text, expected] of cases)
  t.test(`permittedButUnused(): ${name}`, async t => {
    t.equal(permittedButUnused(text), expected)
  })

t.test('capabilityData(): a set stands in all three fields, its high half after its low half', async t => {
  const data = capabilityData((1n << 40n) | (1n << 12n))
  t.same(
    [0, 4, 8, 12, 16, 20].map(at => data.readUInt32LE(at)),
    [0x1000, 0x1000, 0x1000, 0x100, 0x100, 0x100],
  )
})
