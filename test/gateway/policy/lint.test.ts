import t from 'tap'
import { parsePolicyDocument } from '../../../gateway/policy/document-parse.ts'
import type { FindingCode } from '../../../gateway/policy/finding.ts'
import { lint } from '../../../gateway/policy/lint.ts'
import { readUse } from '../../../gateway/policy/load.ts'
import type { Lists } from './sample.ts'

function codesOf(lists: Lists & { readonly use?: readonly string[] }): readonly FindingCode[] {
  const text = JSON.stringify({ version: 1, mode: 'block', ...lists })
  return lint(parsePolicyDocument(text, 'p.yaml', readUse)).map(({ code }) => code)
}

const cases: readonly [string, Lists & { readonly use?: readonly string[] }, readonly FindingCode[]][] = [
  [
    'an ordinary policy has nothing to say',
    { allow: ['npm.acme.example', 'GET https://api.acme.example/v1/**', '**.acme.example:8443'] },
    [],
  ],
  ['nothing allowed', { allow: [] }, ['EMPTY_ALLOW']],
  ['nothing allowed while auditing is where one starts', { mode: 'audit' }, []],

  ['an allow that a deny covers', { allow: ['a.acme.example'], deny: ['**.acme.example'] }, ['NEVER_MATCHES']],
  [
    'an allow that a forbid covers',
    { allow: ['tcp://a.acme.example:22'], forbid: ['a.acme.example'] },
    ['NEVER_MATCHES'],
  ],
  [
    'an allow with a path that a deny covers',
    { allow: ['GET a.acme.example/x/y'], deny: ['a.acme.example/x/**'] },
    ['NEVER_MATCHES'],
  ],
  [
    'an upgrade that a deny on https covers',
    { allow: ['wss://a.acme.example/x'], deny: ['a.acme.example/x'] },
    ['NEVER_MATCHES'],
  ],
  [
    'an address that a deny covers',
    { allow: ['tcp://10.1.2.3:22'], deny: ['tcp://10.0.0.0/8:1-65535'] },
    ['NEVER_MATCHES'],
  ],
  ['a deny that covers only one method', { allow: ['a.acme.example'], deny: ['POST a.acme.example'] }, []],
  ['a deny on another port', { allow: ['a.acme.example'], deny: ['a.acme.example:8443'] }, []],
  ['an allow that a wider allow covers', { allow: ['a.acme.example', '**.acme.example'] }, ['SHADOWED']],
  ['a method under any method', { allow: ['GET a.acme.example', 'a.acme.example'] }, ['SHADOWED']],
  ['a path under tls://', { allow: ['GET a.acme.example/x', 'tls://a.acme.example'] }, ['SHADOWED']],
  ['the same rule twice counts once', { allow: ['a.acme.example', 'a.acme.example'] }, ['SHADOWED']],
  ['a glob under a glob', { allow: ['build*.acme.example', 'b*.acme.example'] }, ['SHADOWED']],
  ['globs that only overlap', { allow: ['b*d.acme.example', 'bu*.acme.example'] }, []],
  ['a wildcard of one label does not cover one of many', { allow: ['*.acme.example', '**.acme.example:8443'] }, []],
  [
    'a limit under a wider rule means something',
    { allow: [{ to: 'a.acme.example', maxRequestBytes: 1 }, '**.acme.example'] },
    [],
  ],
  ['a deny under a forbid', { allow: ['x.test'], deny: ['a.acme.example'], forbid: ['**.acme.example'] }, ['SHADOWED']],

  ['every name', { allow: ['**'] }, ['EVERYTHING']],
  ['most addresses', { allow: ['tcp://0.0.0.0/0:443'] }, ['EVERYTHING', 'RAW_TLS_PORT']],
  ['D13: a top-level domain', { allow: ['**.com'] }, ['DOH_HOST', 'PUBLIC_SUFFIX']],
  ['D13: a public suffix of two labels', { allow: ['*.co.uk'] }, ['PUBLIC_SUFFIX']],
  ['D13: a suffix that sells names', { allow: ['**.github.io'] }, ['SHARED_TENANT']],
  ['D13: a glob in a name that anyone can register', { allow: ['*github.com'] }, ['LOOKALIKE']],
  ['D13: a glob in an account that anyone can open', { allow: ['results*.blob.core.windows.net'] }, ['LOOKALIKE']],
  ['D13: a glob below a registered name', { allow: ['build*.acme.com'] }, []],
  ['a wildcard below a registered name', { allow: ['**.acme.com'] }, []],
  ['the apex beside it', { allow: ['acme.com'] }, []],
  ['a refusal may be as wide as it likes', { allow: ['x.test'], deny: ['**.com', '*github.org'] }, []],

  ['A1: a host of many tenants', { allow: ['github.com'] }, ['SHARED_TENANT']],
  ['A1: the same with a path', { allow: ['https://github.com/acme/**'] }, []],
  ['A1: the same with a path for anyone', { allow: ['https://github.com/*/tool/**'] }, ['SHARED_TENANT']],
  ['A1: the same for reading', { allow: ['GET,HEAD https://github.com'] }, []],
  [
    'a preset that reaches shared tenants says so where it is used',
    { use: ['azure-pipelines-agent'] },
    ['SHARED_TENANT'],
  ],
  ['a preset that does not', { use: ['nuget'] }, []],

  ['D2: a host that answers DNS for anyone', { allow: ['dns.google'] }, ['DOH_HOST']],
  ['D2: a pattern around one', { allow: ['**.quad9.net'] }, ['DOH_HOST']],
  ['T7: raw tcp on 443', { allow: ['tcp://a.acme.example:443'] }, ['RAW_TLS_PORT']],
  ['T7: raw tcp over a range with 443', { allow: ['tcp://a.acme.example:1-1023'] }, ['RAW_TLS_PORT']],
  ['raw tcp elsewhere', { allow: ['tcp://a.acme.example:22'] }, []],
  ['N16: metadata by address', { allow: ['http://169.254.169.254:80'] }, ['METADATA']],
  ['N16: metadata by name', { allow: ['http://metadata.google.internal'] }, ['METADATA']],
  ['N16: metadata by range', { allow: ['x.test'], private: ['169.254.169.254'] }, ['METADATA']],
  ['a method with a typing error', { allow: ['GTE a.acme.example'] }, ['UNKNOWN_METHOD']],
  ['a slash that means only the root', { allow: ['https://a.acme.example/'] }, ['ROOT_ONLY']],
  ['a fault is said with the doubts', { allow: ['github.com', 'A.test'] }, ['NOT_CANONICAL', 'SHARED_TENANT']],
]
for (const [title, lists, expected] of cases) {
  t.test(`lint(): ${title}: ${expected.join(', ') || 'clean'}`, async t => {
    t.same(codesOf(lists).toSorted(), expected.toSorted())
  })
}

t.test('lint(): every finding has a place and a fix', async t => {
  const text = 'version: 1\nmode: block\nallow:\n  - a.acme.example\n  - "**.acme.example"\n  - { to: "*github.com" }\n'
  const findings = lint(parsePolicyDocument(text, 'p.yaml', readUse))
  t.match(findings, [
    { code: 'SHADOWED', severity: 'warning', file: 'p.yaml', line: 4, column: 5, fix: /./ },
    { code: 'LOOKALIKE', severity: 'warning', file: 'p.yaml', line: 6, column: 12, fix: 'github.com' },
  ])
})

t.test('lint(): ten thousand rules are looked at by the rules they could meet, not by all', async t => {
  const allow = Array.from({ length: 10_000 }, (_, index) => `host${String(index)}.acme.example`)
  t.same(codesOf({ allow: [...allow, 'HEAD host77.acme.example'] }), ['SHADOWED'])
})
