import t from 'tap'
import { memoryWatch } from '../../gateway/idle-memory.ts'

const mebibyte = 1024 * 1024

/** What is given back by a gateway whose looks find this: `2% 95`: it was at work for 2 % of the time and holds 95 MiB, of which it needs 80. */
function givenBack(finds: string): readonly number[] {
  let workShare = 0
  let resident = 0
  const gaveBack: number[] = []
  const look = memoryWatch({
    workShare: () => workShare,
    resident: () => resident * mebibyte,
    giveBack() {
      gaveBack.push(resident)
      resident = 80
    },
  })
  for (const [, share, mebibytes] of finds.matchAll(/(\d+)% ([\d.]+)/g)) {
    workShare = Number(share) / 100
    resident = Number(mebibytes)
    look()
  }
  return gaveBack
}

const cases: readonly [string, string, readonly number[]][] = [
  ['what the start needed is given back at the first rest', '1% 95', [95]],
  ['not once a load has come before', `60% 95, ${'1% 95, '.repeat(59)}`, []],
  ['nothing is given back under way', '60% 95, 20% 200', []],
  ['what a load has left is given back when it has rested long', `1% 95, 90% 200, ${'2% 220, '.repeat(60)}`, [95, 220]],
  ['not sooner', `1% 95, 90% 200, ${'2% 220, '.repeat(59)}`, [95]],
  ['not between bursts', `1% 95, ${'90% 200, 1% 200, 2% 220, 1% 220, '.repeat(60)}`, [95]],
  ['a little more is not worth the work', `1% 95, ${'1% 95.9, '.repeat(120)}`, [95]],
  ['what grows slowly is given back too', `1% 95, ${'1% 95.9, '.repeat(120)}1% 96`, [95, 96]],
]
for (const [name, finds, gaveBack] of cases) {
  t.test(`memoryWatch(): ${name}`, async t => {
    t.same(givenBack(finds), gaveBack)
  })
}
