import fc from 'fast-check'
import t from 'tap'
import type { FindingCode } from '../../../gateway/policy/finding.ts'
import { parseRule } from '../../../gateway/policy/rule-parse.ts'
import type { Effect } from '../../../gateway/policy/rule.ts'

const good: readonly [string, string, Effect, Readonly<Record<string, unknown>>][] = [
  ['a bare host is https on 443', 'npm.acme.example', 'allow', { scheme: 'https', ports: { from: 443, to: 443 } }],
  [
    'a bare host that is refused is every protocol and port',
    'bad.test',
    'deny',
    { scheme: 'any', ports: { from: 1, to: 65_535 } },
  ],
  [
    'a bare host and port that are refused are every protocol there',
    'bad.test:53',
    'forbid',
    { scheme: 'any', ports: { from: 53, to: 53 } },
  ],
  ['a refusal with a method is https', 'POST bad.test', 'deny', { scheme: 'https', methods: ['POST'] }],
  ['a refusal with a path is https', 'bad.test/up', 'deny', { scheme: 'https', path: ['up'] }],
  ['methods are a list', 'GET,HEAD https://api.test/v1/**', 'allow', { methods: ['GET', 'HEAD'], path: ['v1', '**'] }],
  ['http is port 80', 'http://apt.test', 'allow', { scheme: 'http', ports: { from: 80, to: 80 } }],
  ['ports are a range', 'tcp://a.test:8000-8099', 'allow', { ports: { from: 8000, to: 8099 } }],
  ['`**` alone is every name', '**', 'allow', { host: { kind: 'name', labels: ['**'] } }],
  ['a `*` may be part of a label', 'results*.test', 'allow', { host: { kind: 'name', labels: ['results*', 'test'] } }],
  [
    'a block',
    'tcp://10.20.0.0/16:5432',
    'allow',
    { host: { kind: 'address', cidr: { base: '10.20.0.0', prefix: 16 } } },
  ],
  [
    'an IPv6 block',
    'tcp://[2001:db8::/32]:443',
    'allow',
    { host: { kind: 'address', cidr: { base: '2001:db8::', prefix: 32 } } },
  ],
  ['a path after the port of an address', 'https://203.0.113.9:443/24', 'allow', { path: ['24'] }],
]
for (const [title, text, effect, expected] of good) {
  t.test(`parseRule(): ${title}`, async t => {
    const result = parseRule(text, effect)
    t.match('rule' in result ? { ...result.rule } : result, { text, ...expected })
  })
}

const bad: readonly [string, string, readonly (readonly [FindingCode, number, string])[]][] = [
  ['`*` alone is refused', '*', [['BARE_STAR', 0, '**']]],
  ['`*` alone is refused after a scheme too', 'https://*', [['BARE_STAR', 8, '**']]],
  ['D12: upper case gets its right form', 'GitHub.example', [['NOT_CANONICAL', 0, 'write github.example']]],
  [
    'D12: Unicode gets its right form',
    'https://b\u00fccher.example',
    [['NOT_CANONICAL', 8, 'write xn--bcher-kva.example']],
  ],
  [
    'D12: Unicode beside a pattern gets its right form',
    '*.B\u00fccher.example',
    [['NOT_CANONICAL', 0, 'write *.xn--bcher-kva.example']],
  ],
  ['D12: a trailing dot gets its right form', 'a.test.', [['NOT_CANONICAL', 0, 'write a.test']]],
  ['D12: a NUL is no name', 'a\0.test', [['BAD_HOST', 0, '']]],
  ['D13: a leading dot becomes `**.`', '.a.test', [['NOT_CANONICAL', 0, 'write **.a.test']]],
  ['D13: `**` joined to a label is refused', '**a.test', [['BAD_HOST', 0, 'write *a.test']]],
  ['N2: an address in octal is refused', 'tcp://010.0.0.1:22', [['BAD_ADDRESS', 6, '']]],
  [
    'N2: an IPv4-mapped address gets its right form',
    'tcp://[::ffff:10.0.0.1]:22',
    [['NOT_CANONICAL', 6, 'write 10.0.0.1']],
  ],
  [
    'N2: host bits in a block get the right form',
    'tcp://10.20.1.0/16:22',
    [['NOT_CANONICAL', 6, 'write 10.20.0.0/16']],
  ],
  ['an address without scheme and port', '203.0.113.7', [['BAD_ADDRESS', 0, 'write tcp://203.0.113.7:443']]],
  ['an IPv6 address without brackets', 'tcp://2001:db8::1:22', [['BAD_ADDRESS', 6, '[']]],
  ['tcp without a port', 'tcp://a.test', [['BAD_PORT', 12, 'tcp://a.test:PORT']]],
  ['port 0', 'a.test:0', [['BAD_PORT', 7, '']]],
  ['port 65536', 'a.test:65536', [['BAD_PORT', 7, '']]],
  ['a range that runs backwards', 'a.test:90-80', [['BAD_PORT', 7, 'write 80-90']]],
  ['a range of one', 'a.test:80-80', [['BAD_PORT', 7, 'write 80']]],
  ['a scheme that does not exist', 'htps://a.test', [['BAD_SCHEME', 0, 'write https://']]],
  ['a method in lower case', 'get a.test', [['BAD_METHOD', 0, 'write GET']]],
  ['CONNECT', 'CONNECT a.test', [['BAD_METHOD', 0, 'tcp://']]],
  ['a method twice', 'GET,GET a.test', [['BAD_METHOD', 0, 'write GET']]],
  ['a method where there are none', 'GET tcp://a.test:22', [['BAD_METHOD', 0, '']]],
  ['a path where there is none', 'tls://a.test/x', [['BAD_PATH', 12, '']]],
  ['a query', 'a.test/x?y', [['BAD_PATH', 6, '/x']]],
  ['a path with dot segments gets its normal form', 'a.test/x/../y', [['NOT_CANONICAL', 6, 'write /y']]],
  ['`**` joined to a segment', 'a.test/x**', [['BAD_PATH', 6, 'write /x*']]],
  ['a space after a comma', 'GET, HEAD a.test', [['RULE_SYNTAX', 0, '']]],
  ['credentials', 'https://user@a.test', [['BAD_HOST', 8, '']]],
]
for (const [title, text, expected] of bad) {
  t.test(`parseRule(): ${title} is a fault at its place, with the right form`, async t => {
    const result = parseRule(text, 'allow')
    const problems = 'problems' in result ? result.problems : []
    t.same(
      problems.map(({ code, offset }) => [code, offset]),
      expected.map(([code, offset]) => [code, offset]),
    )
    for (const [index, [, , fix]] of expected.entries()) t.ok(problems[index]?.fix.includes(fix), `says: ${fix}`)
  })
}

t.test('parseRule(): one rule reports each of its faults', async t => {
  const result = parseRule('get tcp://A.test:0/x', 'allow')
  const codes = 'problems' in result ? result.problems.map(({ code }) => code) : []
  t.same(codes.toSorted(), ['BAD_METHOD', 'BAD_METHOD', 'BAD_PATH', 'BAD_PORT', 'NOT_CANONICAL'])
})

t.test(
  'parseRule(): P1: what is accepted is printable ASCII with at most one space, for whatever prints it',
  async t => {
    const pieces = fc.array(
      fc.constantFrom(
        'GET',
        ' ',
        'https://',
        'a.test',
        '**.',
        '/',
        '*',
        ':443',
        '"',
        '\n',
        '\0',
        '{',
        '}',
        ';',
        '`',
        '$(id)',
        '<b>',
        '|',
        '\u001b[31m',
        '\u202e',
        '%0a',
      ),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map(list => list.join('')),
          fc.string({ unit: 'binary', maxLength: 30 }),
        ),
        text => {
          const result = parseRule(text, 'allow')
          return 'problems' in result || /^(?:[A-Z,_-]+ )?[a-z0-9*_.:/[\]%~!$&'()+,;=@A-Z-]+$/.test(result.rule.text)
        },
      ),
      { numRuns: 5_000 },
    )
    t.pass('held for every generated text')
  },
)

t.test('parseRule(): P1: messages never hold a raw control or direction character', async t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
      const result = parseRule(text, 'allow')
      const said = 'problems' in result ? result.problems.map(({ what, fix }) => what + fix).join('') : ''
      return !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(said)
    }),
    { numRuns: 3_000 },
  )
  t.pass('held for every generated text')
})
