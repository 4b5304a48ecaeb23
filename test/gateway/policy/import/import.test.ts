import fc from 'fast-check'
import t from 'tap'
import { parseHostname } from '../../../../gateway/net/hostname.ts'
import { decide } from '../../../../gateway/policy/decide.ts'
import { parsePolicy } from '../../../../gateway/policy/document-parse.ts'
import { importAllowedEndpoints } from '../../../../gateway/policy/import.ts'
import { parseRule } from '../../../../gateway/policy/rule-parse.ts'

const cases: readonly [string, string, readonly string[]][] = [
  ['port 443', 'a.test:443', ['a.test']],
  ['no port', 'a.test', ['a.test']],
  ['port 80', 'a.test:80', ['http://a.test']],
  ['another port', 'a.test:22', ['tcp://a.test:22']],
  ['*. as any number of labels', '*.a.test:443', ['**.a.test']],
  ['*. with another port', '*.a.test:8080', ['tcp://**.a.test:8080']],
  ['a star within a label', 'prod*.blob.test:443', ['prod*.blob.test']],
  ['a star as a label in the middle', 'a.*.c.test', ['a.**.c.test']],
  ['an ending without a dot', '*a.test', ['a.test', '**.a.test']],
  ['upper case and a trailing dot', 'A.Test.:443', ['a.test']],
  ['any white space', ' a.test\n\tb.test:443\r\n  c.test:80 ', ['a.test', 'b.test', 'http://c.test']],
  ['an address', '192.0.2.7:5432', ['tcp://192.0.2.7:5432']],
  ['an address without a port', '192.0.2.7', ['https://192.0.2.7:443']],
  ['an IPv6 address', '[2001:db8::7]:80', ['http://[2001:db8::7]:80']],
  ['an entry twice', 'a.test a.test:443', ['a.test']],
  ['nothing', ' \n ', []],
]
for (const [name, text, expected] of cases) {
  t.test(`importAllowedEndpoints(): translates ${name}`, async t => {
    const { rules, faults } = importAllowedEndpoints(text)
    t.strictSame(
      rules.map(({ rule }) => rule),
      expected,
    )
    t.strictSame(faults, [])
    for (const { rule } of rules) t.ok('rule' in parseRule(rule, 'allow'), rule)
  })
}

const bad: readonly [string, string][] = [
  ['a star alone', '*'],
  ['a star alone with a port', '*:443'],
  ['a star that crosses domains', 'api.*'],
  ['two stars', '*.a*.test'],
  ['a URL', 'https://a.test'],
  ['a path', 'a.test/x'],
  ['a block', '10.0.0.0/8:443'],
  ['a comma', 'a.test,b.test'],
  ['port 0', 'a.test:0'],
  ['a port too large', 'a.test:65536'],
  ['a range of ports', 'a.test:80-90'],
  ['an empty port', 'a.test:'],
  ['no host', ':443'],
  ['a name that is none', 'a..test'],
  ['a bare IPv6 address', '2001:db8::7'],
  ['an expression', '${{vars.ENDPOINTS}}'],
]
for (const [name, text] of bad) {
  t.test(`importAllowedEndpoints(): names the entry, when it is ${name}`, async t => {
    const { rules, faults } = importAllowedEndpoints(`good.test ${text}`)
    t.strictSame(
      rules.map(({ rule }) => rule),
      ['good.test'],
    )
    t.match(faults, [{ entry: 2 }])
  })
}

t.test('importAllowedEndpoints(): reports every fault, not the first', async t => {
  t.strictSame(
    importAllowedEndpoints('* a.test:0 b.test c/d').faults.map(({ entry }) => entry),
    [1, 2, 4],
  )
})

t.test('importAllowedEndpoints(): repeats no password', async t => {
  t.notMatch(JSON.stringify(importAllowedEndpoints('https://user:SECRET@a.test user:SECRET@a.test:443')), 'SECRET')
})

t.test('importAllowedEndpoints(): every rule parses, whatever is given', async t => {
  const piece = fc.oneof(
    fc.constantFrom('*', '.', ':', '443', '80', 'a', 'test', '[', ']', '::1', '10.0.0.1', '/', ' ', '-', 'ü', '\0'),
    fc.string({ maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), pieces => {
      for (const { rule } of importAllowedEndpoints(pieces.join('')).rules) {
        const parsed = parseRule(rule, 'allow')
        if (!('rule' in parsed)) throw new Error(`${rule}: ${JSON.stringify(parsed)}`)
      }
    }),
    { numRuns: 3_000 },
  )
  t.pass('held for every generated text')
})

t.test('importAllowedEndpoints(): a wildcard opens names below and neither the apex nor look-alikes', async t => {
  const [first] = importAllowedEndpoints('*.a.test:443').rules
  const policy = parsePolicy(`version: 1\nmode: block\nallow: ["${first?.rule}"]\n`, 'test', () => undefined)
  const verdicts = ['x.a.test', 'y.x.a.test', 'a.test', 'evil-a.test', 'a.test.evil.test'].map(name => {
    const host = parseHostname(name)
    return host === undefined ? undefined : decide(policy, { kind: 'name', host }).verdict
  })
  t.strictSame(verdicts, ['allow', 'allow', 'deny', 'deny', 'deny'])
})
