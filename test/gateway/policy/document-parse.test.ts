import t from 'tap'
import { GatewayError } from '../../../gateway/errors.ts'
import type { ReadUse } from '../../../gateway/policy/document.ts'
import { parsePolicy, parsePolicyDocument } from '../../../gateway/policy/document-parse.ts'
import type { FindingCode } from '../../../gateway/policy/finding.ts'

const noUse: ReadUse = () => undefined
function digest(text: string): string {
  return parsePolicy(text, 'p.yaml', noUse).digest
}

const head = 'version: 1\nmode: block\n'

function findingsOf(text: string, readUse: ReadUse = noUse): readonly string[] {
  return parsePolicyDocument(text, 'p.yaml', readUse).findings.map(
    ({ code, line, column }) => `${code} ${String(line)}:${String(column)}`,
  )
}

/** A reader of files that are there. */
function files(contents: Readonly<Record<string, string>>): ReadUse {
  return name => {
    const text = contents[name]
    return text === undefined ? undefined : { file: name, text, isPreset: false }
  }
}

const whole = `version: 1
mode: block
allow:
  - npm.acme.example
  - "**.blob.core.example"
  - "results*.blob.core.example"
  - GET,HEAD https://api.example.com/repos/acme/**
  - http://apt.acme.example
  - wss://realtime.example.com/socket
  - tls://pinned.example.com
  - tcp://git.example.com:22
  - udp://time.example.com:123
  - tcp://10.20.0.0/16:5432
  - { to: https://uploads.example.com, maxRequestBytes: 10485760, note: nightly symbols }
deny:
  - POST https://api.example.com/gists
forbid:
  - "**.catcher.test"
private: [10.20.0.0/16]
tls:
  inspect: all
  extraCa: [/etc/tidegate/corporate-ca.pem]
onLogFailure: deny
`

t.test('parsePolicy(): the whole grammar is read', async t => {
  const policy = parsePolicy(whole, 'p.yaml', noUse)
  t.match(policy, {
    mode: 'block',
    onLogFailure: 'deny',
    tls: { inspect: 'all', extraCa: ['/etc/tidegate/corporate-ca.pem'] },
  })
  t.match(policy.digest, /^[0-9a-f]{64}$/)
})

t.test('parsePolicy(): what is left out has the safe value', async t => {
  t.match(parsePolicy(head, 'p.yaml', noUse), { onLogFailure: 'deny', tls: { inspect: 'all', extraCa: [] } })
})

t.test(
  'parsePolicy(): comments, notes, quotes and layout do not change the digest, a rule and the mode do',
  async t => {
    const plain = digest(`${head}allow:\n  - a.test\n`)
    t.equal(digest(`# hello\n${head}allow: [ { to: "a.test", note: x } ]\n`), plain)
    t.not(digest(`${head}allow:\n  - b.test\n`), plain)
    t.not(digest('version: 1\nmode: audit\nallow:\n  - a.test\n'), plain)
  },
)

const faults: readonly [string, string, readonly string[]][] = [
  ['an empty file', '', ['WRONG_VALUE 1:1', 'MISSING_KEY 1:1', 'MISSING_KEY 1:1']],
  ['a list instead of a mapping', '- a.test\n', ['WRONG_VALUE 1:1', 'MISSING_KEY 1:1', 'MISSING_KEY 1:1']],
  ['no mode', 'version: 1\n', ['MISSING_KEY 1:1']],
  ['another version', 'version: 2\nmode: block\n', ['WRONG_VALUE 1:10']],
  ['a version in quotes', 'version: "1"\nmode: block\n', ['WRONG_VALUE 1:10']],
  ['a mode that is none', 'version: 1\nmode: blok\n', ['WRONG_VALUE 2:7']],
  ['a mode of nothing', 'version: 1\nmode:\n', ['WRONG_VALUE 2:6']],
  ['an unknown key', `${head}alow: []\n`, ['UNKNOWN_KEY 3:1']],
  ['a duplicate key', `${head}allow: [a.test]\nallow: [b.test]\n`, ['DUPLICATE_KEY 4:1']],
  ['a duplicate key in a rule', `${head}allow:\n  - { to: a.test, to: b.test }\n`, ['DUPLICATE_KEY 4:19']],
  ['an unquoted star', `${head}allow:\n  - *.a.test\n`, ['YAML 4:5']],
  ['an unquoted lone star', `${head}allow:\n  - *\n`, ['YAML 4:5']],
  ['a rule that is a number', `${head}allow:\n  - 443\n`, ['WRONG_VALUE 4:5']],
  ['a rule that is null', `${head}allow:\n  -\n`, ['WRONG_VALUE 4:4']],
  ['rules that are no list', `${head}allow: a.test\n`, ['WRONG_VALUE 3:8']],
  ['a rule without `to`', `${head}allow:\n  - { note: x }\n`, ['MISSING_KEY 4:5']],
  ['a fault inside a quoted rule', `${head}allow:\n  - "https://A.test"\n`, ['NOT_CANONICAL 4:14']],
  ['a limit that is no number', `${head}allow:\n  - { to: a.test, maxRequestBytes: 10MB }\n`, ['WRONG_VALUE 4:36']],
  ['a negative limit', `${head}allow:\n  - { to: a.test, maxRequestBytes: -1 }\n`, ['WRONG_VALUE 4:36']],
  [
    'a limit on what is not read',
    `${head}allow:\n  - { to: "tcp://a.test:22", maxRequestBytes: 1 }\n`,
    ['WRONG_VALUE 4:12'],
  ],
  ['a limit on a refusal', `${head}deny:\n  - { to: a.test, maxRequestBytes: 1 }\n`, ['UNKNOWN_KEY 4:19']],
  ['tenants outside a preset', `${head}allow:\n  - { to: a.test, tenants: shared }\n`, ['UNKNOWN_KEY 4:19']],
  ['loopback', `${head}allow:\n  - tcp://127.0.0.1:80\n`, ['NEVER_DIALLED 4:5']],
  ['a private range in host form', `${head}private: [10.20.1.0/16]\n`, ['NOT_CANONICAL 3:11']],
  ['a private range that is never dialled', `${head}private: [127.0.0.0/8]\n`, ['NEVER_DIALLED 3:11']],
  ['a relative CA file', `${head}tls: { extraCa: [ca.pem] }\n`, ['WRONG_VALUE 3:18']],
  ['an inspection that is none of three', `${head}tls: { inspect: some }\n`, ['WRONG_VALUE 3:17']],
  ['a path under no inspection', `${head}tls: { inspect: none }\nallow: [a.test/x]\n`, ['NEEDS_INSPECTION 4:9']],
  [
    'a refused upgrade under no inspection',
    `${head}tls: { inspect: none }\ndeny: ["wss://a.test"]\n`,
    ['NEEDS_INSPECTION 4:9'],
  ],
  [
    'a limit under no inspection',
    `${head}tls: { inspect: none }\nallow: [{ to: a.test, maxRequestBytes: 1 }]\n`,
    ['NEEDS_INSPECTION 4:15'],
  ],
  ['a preset that does not exist', `${head}use: [docker-hubb]\n`, ['UNKNOWN_USE 3:7']],
  ['P1: a file outside the folder', `${head}use: [../secret.yaml]\n`, ['UNKNOWN_USE 3:7']],
  ['P1: an absolute file', `${head}use: [/etc/passwd]\n`, ['UNKNOWN_USE 3:7']],
  ['broken YAML', `${head}allow: [a.test\n`, ['YAML 4:1']],
  ['two documents', `${head}---\n${head}`, ['YAML 3:1']],
]
for (const [title, text, expected] of faults) {
  t.test(`parsePolicy(): ${title} is a fault at its place`, async t => {
    t.same(findingsOf(text), expected)
    t.throws(() => parsePolicy(text, 'p.yaml', noUse), { code: 'POLICY_INVALID' })
  })
}

t.test('parsePolicy(): a policy with twenty faults reports twenty, each with its place and its right form', async t => {
  const text = `version: 3
mode: watch
colour: blue
use: [no-such-preset]
allow:
  - "*"
  - GitHub.example
  - tcp://a.test
  - a.test:0
  - ftp://a.test
  - get a.test
  - 203.0.113.7
  - tls://a.test/x
  - a.test/x?y
  - { note: nothing }
  - { to: a.test, maxRequestBytes: lots }
  - "**x.test"
private: [10.0.0.0/99, 127.0.0.0/8]
tls: { inspect: sometimes }
onLogFailure: maybe
`
  try {
    parsePolicy(text, 'p.yaml', noUse)
    t.fail('must not be accepted')
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    t.equal(error.code, 'POLICY_INVALID')
    const { faults, findings } = error.details
    t.ok(Array.isArray(faults) && Array.isArray(findings))
    t.equal(Array.isArray(faults) ? faults.length : 0, 20)
    for (const line of Array.isArray(faults) ? faults : []) t.match(line, /^p\.yaml:\d+:\d+: error [A-Z_]+: .+ → .+$/)
    t.notMatch(error.message, '\n', 'the message is one line')
  }
})

t.test('parsePolicy(): files that are used bring their rules, named after them', async t => {
  const readUse = files({
    'team.yaml': 'version: 1\nuse: [more/deep.yaml]\nallow: [a.test]\n',
    'more/deep.yaml': 'version: 1\nforbid: [b.test]\n',
  })
  const { rules, findings } = parsePolicyDocument(`${head}use: [team.yaml]\nallow: [c.test]\n`, 'p.yaml', readUse)
  t.same(findings, [])
  t.same(
    rules.map(({ place, text }) => `${place} ${text}`),
    ['allow[0] c.test', 'team.yaml: allow[0] a.test', 'more/deep.yaml: forbid[0] b.test'],
  )
})

t.test('parsePolicy(): a file that is used can only bring rules', async t => {
  const readUse = files({ 'team.yaml': 'version: 1\nmode: audit\nprivate: [10.0.0.0/8]\n' })
  t.same(findingsOf(`${head}use: [team.yaml]\n`, readUse), ['UNKNOWN_KEY 2:1', 'UNKNOWN_KEY 3:1'])
})

t.test('parsePolicy(): faults of files that are used name those files', async t => {
  const readUse = files({ 'team.yaml': 'version: 1\nallow: [A.test]\n' })
  const { findings } = parsePolicyDocument(`${head}use: [team.yaml]\n`, 'p.yaml', readUse)
  t.match(findings, [{ file: 'team.yaml', line: 2, column: 9, code: 'NOT_CANONICAL' satisfies FindingCode }])
})

t.test('parsePolicy(): a circle of files is a fault, and a file used twice counts once', async t => {
  const circle = files({ 'a.yaml': 'version: 1\nuse: [b.yaml]\n', 'b.yaml': 'version: 1\nuse: [a.yaml]\n' })
  t.same(findingsOf(`${head}use: [a.yaml]\n`, circle), ['USE_CYCLE 2:7'])
  const diamond = files({
    'a.yaml': 'version: 1\nuse: [c.yaml]\n',
    'b.yaml': 'version: 1\nuse: [c.yaml]\n',
    'c.yaml': 'version: 1\nallow: [c.test]\n',
  })
  const { rules, findings } = parsePolicyDocument(`${head}use: [a.yaml, b.yaml]\n`, 'p.yaml', diamond)
  t.same(findings, [])
  t.equal(rules.length, 1)
})

t.test('parsePolicy(): P1: aliases cannot blow a file up', async t => {
  const bomb = [
    'a: &a [x.test]',
    ...'bcdefghij'
      .split('')
      .map(
        (key, index) =>
          `${key}: &${key} [${Array.from({ length: 9 }, () => `*${'abcdefghi'[index] ?? ''}`).join(', ')}]`,
      ),
  ]
  const text = `${head}${bomb.join('\n')}\nallow: *j\n`
  t.throws(() => parsePolicy(text, 'p.yaml', noUse), { code: 'POLICY_INVALID' })
})
