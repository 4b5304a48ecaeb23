import t from 'tap'
import { parsePolicy, parsePolicyDocument } from '../../../gateway/policy/document-parse.ts'
import type { InsightSettings } from '../../../gateway/policy/insight.ts'
import { narrow, withoutEffect } from '../../../gateway/policy/narrow.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'

const head = 'version: 1\nmode: block\nallow: [npm.acme.example]\n'

function policy(keys: string): Policy {
  return parsePolicy(`${head}${keys}`, 'p.yaml', () => undefined)
}

function narrowed(platform: string, job: string): InsightSettings {
  return narrow(policy(platform), policy(job)).insight
}

/** `CODE line:column` of each fault; the keys begin on line 4. */
function faults(keys: string): readonly string[] {
  return parsePolicyDocument(`${head}${keys}`, 'p.yaml', () => undefined).findings.map(
    ({ code, line, column }) => `${code} ${String(line)}:${String(column)}`,
  )
}

const whole = `integrity: { workspace: /workspace, allow: ["dist/**"], onChange: fail }
packages:
  internal: [{ scope: "@acme/*", from: npm.acme.example }]
  deny: ["pkg:npm/evil", "pkg:pypi/odd@<2.0.1"]
  osv: [/etc/tidegate/osv]
  minimumAgeDays: 7
  unknownAge: deny
  installScripts: deny
tokens: { pin: true }
canaries: true
anomalies: deny
`

t.test('parsePolicy(): reads every key of what is looked at', async t => {
  t.strictSame(policy(whole).insight, {
    integrity: { workspace: '/workspace', allow: ['dist/**'], onChange: 'fail' },
    packages: {
      internal: [{ scope: '@acme/*', from: 'npm.acme.example' }],
      deny: ['pkg:npm/evil', 'pkg:pypi/odd@<2.0.1'],
      osv: ['/etc/tidegate/osv'],
      minimumAgeDays: 7,
      unknownAge: 'deny',
      installScripts: 'deny',
    },
    tokens: { pin: true },
    canaries: true,
    anomalies: 'deny',
  })
})

t.test('parsePolicy(): a key alone asks with its defaults, and nothing asks for nothing', async t => {
  t.strictSame(policy('').insight, {})
  t.strictSame(policy('integrity:\npackages:\ntokens:\n').insight, {
    integrity: { allow: [], onChange: 'report' },
    packages: { internal: [], deny: [], osv: [], installScripts: 'report' },
    tokens: { pin: false },
  })
  t.strictSame(policy('canaries: false\nanomalies: report\n').insight, { canaries: false, anomalies: 'report' })
})

t.test('parsePolicy(): the digest is of what is looked at too, and unchanged without', async t => {
  // As it was before there were such keys: digests stand in logs.
  t.equal(policy('').digest, '326d9c4ed87b0b19f67f6c5fe0752ea1e4b543ac9646a27f70f6160c68aba0d0')
  const digests = [
    '',
    'canaries: true\n',
    'canaries: false\n',
    'tokens: { pin: true }\n',
    'packages: { deny: ["pkg:npm/a"] }\n',
    'packages: { deny: ["pkg:npm/b"] }\n',
  ].map(keys => policy(keys).digest)
  t.equal(new Set(digests).size, digests.length)
})

const cases: readonly (readonly [sentence: string, keys: string, faults: readonly string[]])[] = [
  [
    'an unknown key of each',
    'integrity: { x: 1 }\npackages: { y: 1 }\ntokens: { z: 1 }',
    ['UNKNOWN_KEY 4:14', 'UNKNOWN_KEY 5:13', 'UNKNOWN_KEY 6:11'],
  ],
  [
    'a mapping that is none',
    'integrity: yes\npackages: []\ntokens: 3',
    ['WRONG_VALUE 4:12', 'WRONG_VALUE 5:11', 'WRONG_VALUE 6:9'],
  ],
  ['a truth that is none', 'canaries: sometimes\ntokens: { pin: 1 }', ['WRONG_VALUE 4:11', 'WRONG_VALUE 5:16']],
  [
    'a word that is none',
    'anomalies: fail\nintegrity: { onChange: deny }\npackages: { installScripts: fail }',
    ['WRONG_VALUE 4:12', 'WRONG_VALUE 5:24', 'WRONG_VALUE 6:29'],
  ],
  ['a workspace that is not absolute', 'integrity: { workspace: src }', ['WRONG_VALUE 4:25']],
  [
    'globs that leave the workspace',
    'integrity: { allow: ["/etc/**", "../x", ""] }',
    ['WRONG_VALUE 4:23', 'WRONG_VALUE 4:34', 'WRONG_VALUE 4:42'],
  ],
  [
    'packages that are no package URLs',
    'packages: { deny: [evil, "npm/evil", "pkg:npm/"] }',
    ['WRONG_VALUE 4:20', 'WRONG_VALUE 4:27', 'WRONG_VALUE 4:39'],
  ],
  ['an OSV path that is not absolute', 'packages: { osv: [advisories] }', ['WRONG_VALUE 4:19']],
  ['an age that is none', 'packages: { minimumAgeDays: 0 }\n', ['WRONG_VALUE 4:29']],
  ['an unknown age that is guessed', 'packages: { unknownAge: allow }\n', ['WRONG_VALUE 4:25']],
  ['an age that is no whole number', 'packages: { minimumAgeDays: 1.5 }\n', ['WRONG_VALUE 4:29']],
  ['a workspace that is nothing', 'integrity:\n  workspace:\n', ['WRONG_VALUE 5:13']],
  ['an internal package that is no mapping', 'packages: { internal: ["@acme/*"] }', ['WRONG_VALUE 4:24']],
  ['an internal package without its registry', 'packages: { internal: [{ scope: "@acme/*" }] }', ['WRONG_VALUE 4:24']],
  [
    'a registry that is no host',
    'packages: { internal: [{ scope: "@acme/*", from: "https://npm.acme.example" }] }',
    ['BAD_HOST 4:51'],
  ],
  [
    'a registry that is written otherwise',
    'packages: { internal: [{ scope: "@acme/*", from: NPM.acme.example }] }',
    ['BAD_HOST 4:50'],
  ],
  [
    'a scope of every package',
    'packages: { internal: [{ scope: "*", from: npm.acme.example }] }',
    ['WRONG_VALUE 4:34'],
  ],
]
for (const [sentence, keys, expected] of cases)
  t.test(`parsePolicyDocument(): ${sentence}`, async t => {
    t.strictSame(faults(keys), expected)
  })

t.test('parsePolicyDocument(): all faults at once', async t => {
  t.strictSame(
    faults('integrity: { onChange: x }\npackages: { minimumAgeDays: x }\ntokens: x\ncanaries: x\nanomalies: x\n'),
    ['WRONG_VALUE 4:24', 'WRONG_VALUE 5:29', 'WRONG_VALUE 6:9', 'WRONG_VALUE 7:11', 'WRONG_VALUE 8:12'],
  )
})

t.test("narrow(): what is looked at is the platform's alone, and a job that says something is told so", async t => {
  const all = policy(whole).insight
  const mild = 'integrity: { allow: ["**"] }\ntokens: { pin: false }\ncanaries: false\nanomalies: report\n'
  t.strictSame(narrowed(whole, ''), all)
  t.strictSame(narrowed(whole, mild), all, 'a job takes nothing away')
  t.strictSame(narrowed('', whole), {})
  const told = withoutEffect(policy(''), policy(whole)).join('\n')
  for (const key of Object.keys(all)) t.match(told, key)
  t.strictSame(withoutEffect(policy(whole), policy('')), [])
})
