import * as fc from 'fast-check'
import t from 'tap'
import { type Encoding, patternsOfNames } from '../../../gateway/canary/encodings.ts'
import { Matcher } from '../../../gateway/canary/matcher.ts'
import { NameScan } from '../../../gateway/canary/name-scan.ts'
import { placeName } from '../../../gateway/canary/values.ts'
import { decoys } from './canaries.ts'

const matcher = new Matcher(patternsOfNames(decoys.canaries))
const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

function inBase32(text: string): string {
  const bits = [...Buffer.from(text)].map(octet => octet.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map(five => base32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')
}

const writers: readonly (readonly [Encoding, (text: string) => string])[] = [
  ['as it is', text => text.replaceAll(/[^A-Za-z0-9]/g, '-')],
  ['hex', text => Buffer.from(text).toString('hex')],
  ['base32', inBase32],
  ['base64', text => Buffer.from(text).toString('base64url')],
  ['base64 twice', text => Buffer.from(Buffer.from(text).toString('base64')).toString('base64url')],
]

function seen(names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const scan = new NameScan(matcher)
  // The same name is asked once for each record type.
  for (const name of names.flatMap(it => [it, it]))
    scan.look(name, ({ canary, encoding }) => found.add(`${placeName(canary.place)} ${encoding}`))
  return found
}

t.test('a canary in the labels of one name is found, without its case', async t => {
  for (const [encoding, write] of writers) {
    fc.assert(
      fc.property(fc.constantFrom(...decoys.canaries), fc.integer({ min: 4, max: 63 }), ({ value, place }, size) => {
        const labels =
          write(`x=${value}`)
            .toLowerCase()
            .match(new RegExp(`.{1,${size}}`, 'g')) ?? []
        return seen([`${labels.join('.')}.evil.test`]).has(`${placeName(place)} ${encoding}`)
      }),
    )
    t.pass(encoding)
  }
})

t.test('a canary in pieces, a question each, is found, also between questions for other names', async t => {
  for (const [encoding, write] of writers) {
    fc.assert(
      fc.property(
        fc.constantFrom(...decoys.canaries),
        fc.integer({ min: 3, max: 30 }),
        fc.boolean(),
        ({ value, place }, size, isNumbered) => {
          const parts =
            write(value)
              .toLowerCase()
              .match(new RegExp(`.{1,${size}}`, 'g')) ?? []
          const names = parts.flatMap((part, at) => [
            `${isNumbered ? `${at}.` : ''}${part}.evil.test`,
            'registry.acme.test',
            `host${at}.acme.test`,
          ])
          return seen(names).has(`${placeName(place)} ${encoding}`)
        },
      ),
    )
    t.pass(encoding)
  }
})

t.test('what was told is not told again with the next question, and other names tell nothing', async t => {
  const scan = new NameScan(matcher)
  let count = 0
  const { value } = decoys.canaries[2] ?? { value: '' }
  scan.look(`${Buffer.from(value.slice(4, 16)).toString('hex')}.evil.test`, () => (count += 1))
  t.ok(count > 0)
  const before = count
  for (let at = 0; at < 50; at += 1) scan.look(`n${at}.evil.test`, () => (count += 1))
  t.equal(count, before)
  fc.assert(
    fc.property(fc.array(fc.domain(), { maxLength: 30 }), names => seen(names).size === 0),
    { numRuns: 300 },
  )
})

t.test('many zones are forgotten, the oldest first, and take no room', async t => {
  const scan = new NameScan(matcher)
  let count = 0
  const { value } = decoys.canaries[2] ?? { value: '' }
  const [one, two] = [value.slice(4, 10), value.slice(10, 16)].map(part => Buffer.from(part).toString('hex'))
  const ask = (name: string): void => scan.look(name, () => (count += 1))
  ask(`${one}.evil.test`)
  for (let at = 0; at < 300; at += 1) ask(`www.zone${at}.test`)
  ask(`${two}.evil.test`)
  t.equal(count, 0)
  ask(`${one}.evil.test`)
  for (let at = 0; at < 200; at += 1) ask(`www.zone${at}.test`)
  ask(`${two}.evil.test`)
  t.ok(count > 0)
})
