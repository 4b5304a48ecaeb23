import fc from 'fast-check'
import t from 'tap'
import { parseHostname, suggestHostname } from '../../../gateway/net/hostname.ts'

const cases: readonly [string, string, string | undefined][] = [
  ['a canonical name is itself', 'npm.acme.example', 'npm.acme.example'],
  ['D12: upper case is lowered', 'NPM.Acme.Example', 'npm.acme.example'],
  ['D12: one trailing dot is the same name', 'npm.acme.example.', 'npm.acme.example'],
  ['D12: two trailing dots are no name', 'npm.acme.example..', undefined],
  ['D12: a NUL is no part of a name', 'attacker.test\0.acme.example', undefined],
  ['D12: brackets are no part of a name', '[npm.acme.example]', undefined],
  ['D12: a space is no part of a name', 'npm.acme.example ', undefined],
  ['D12: a colon is no part of a name', 'npm.acme.example:443', undefined],
  ['D12: an empty label is none', 'npm..example', undefined],
  ['D12: a leading dot is an empty label', '.acme.example', undefined],
  ['D12: the root is no host', '.', undefined],
  ['D12: nothing is no host', '', undefined],
  ['D12: a Kelvin sign does not become a k', '\u212Aeys.example', undefined],
  ['D12: a Cyrillic homograph has no canonical form', 'n\u0440m.acme.example', undefined],
  ['D12: a full-width letter has no canonical form', '\uFF4Epm.acme.example', undefined],
  ['D12: an ideographic full stop is no dot', 'npm\u3002acme.example', undefined],
  ['D12: a label of 63 characters is one', `${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
  ['D12: a label of 64 characters is none', `${'a'.repeat(64)}.test`, undefined],
  ['D12: 253 characters are a name', `${'a.'.repeat(126)}b`, `${'a.'.repeat(126)}b`],
  ['D12: 253 characters and a trailing dot are a name', `${'a.'.repeat(126)}b.`, `${'a.'.repeat(126)}b`],
  ['D12: 254 characters are none', `${'a.'.repeat(125)}test`, undefined],
  ['N2: a dotted quad is an address, not a name', '192.0.2.1', undefined],
  ['N2: a short address is not a name', '127.1', undefined],
  ['N2: a decimal address is not a name', '2130706433', undefined],
  ['N2: a hexadecimal address is not a name', '0x7f000001', undefined],
  ['N2: a name that ends in a hexadecimal label is not one', 'host.0x7f', undefined],
  ['N2: an empty hexadecimal number is a number too', 'host.0x', undefined],
  ['a label that only begins with a digit is one', '1password.example', '1password.example'],
  ['underscores are used by services', '_acme-challenge.example.com', '_acme-challenge.example.com'],
  ['hyphens in the third and fourth place are in use', 'r3---sn-5hne6n7k.example', 'r3---sn-5hne6n7k.example'],
  ['an A-label stays', 'xn--bcher-kva.example', 'xn--bcher-kva.example'],
]
for (const [name, raw, expected] of cases) {
  t.test(`parseHostname(): ${name}`, async t => {
    t.equal(parseHostname(raw), expected)
  })
}

t.test('parseHostname(): the canonical form is its own canonical form', async t => {
  fc.assert(
    fc.property(fc.oneof(fc.domain(), fc.string({ maxLength: 80 })), raw => {
      const host = parseHostname(raw)
      return host === undefined || parseHostname(host) === host
    }),
  )
  t.pass('held for every generated name')
})

t.test('parseHostname(): case and a trailing dot never tell names apart', async t => {
  fc.assert(
    fc.property(fc.domain(), raw => {
      const host = parseHostname(raw)
      return host !== undefined && parseHostname(`${raw.toUpperCase()}.`) === host
    }),
  )
  t.pass('held for every generated name')
})

t.test('parseHostname(): what it returns is printable ASCII without separators of logs, rules and scripts', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), raw => {
      const host = parseHostname(raw)
      return host === undefined || /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(host)
    }),
  )
  t.pass('held for every generated string')
})

t.test('suggestHostname(): a Unicode name is turned into A-labels, for messages', async t => {
  t.equal(suggestHostname('Bücher.example'), 'xn--bcher-kva.example')
  t.equal(suggestHostname(' Npm.Acme.Example. '), 'npm.acme.example')
  t.equal(suggestHostname('not a name'), undefined)
})
