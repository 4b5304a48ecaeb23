import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { importPolicy } from '../../../gateway/cli/import.ts'
import { parsePolicy } from '../../../gateway/policy/document-parse.ts'
import { outcome } from './outcome.ts'

const workflow = `on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: step-security/harden-runner@v2
        with:
          egress-policy: block
          allowed-endpoints: >
            a.test:443
            *.b.test:443
      - uses: actions/checkout@v4
  test:
    steps:
      - uses: step-security/harden-runner@0123456789
        with: { egress-policy: audit, policy: kept-elsewhere }
`
const pipeline = `jobs:
  - job: build
    steps:
      - task: HardenRunnerInt@0
        inputs:
          egressPolicy: block
          enableTls: false
          allowedEndpoints: |
            a.test:443
            b.test:22
`

t.test('import: a list becomes a policy that names the source of each line', async t => {
  const { stdout, stderr, exitCode } = await outcome(importPolicy, [
    '--allowed-endpoints',
    'a.test:443 *.b.test c.test:22',
    '--egress-policy',
    'audit',
    '--enable-tls',
    'false',
  ])
  t.equal(exitCode, 0)
  t.equal(stderr, '')
  const policy = parsePolicy(stdout, 'imported', () => undefined)
  t.match(policy, { mode: 'audit', tls: { inspect: 'none' } })
  t.match(stdout, '  - a.test # a.test:443\n  - "**.b.test" # *.b.test\n  - tcp://c.test:22 # c.test:22\n')
})

t.test('import: every fault is named, and nothing is printed', async t => {
  const { stdout, error } = await outcome(importPolicy, [
    '--allowed-endpoints',
    '* a.test b.test:0',
    '--egress-policy',
    'allow',
    '--enable-tls',
    'maybe',
  ])
  t.equal(stdout, '')
  t.equal(error?.code, 'POLICY_INVALID')
  t.match(error?.details, { faults: { length: 4 } })
})

t.test('import: each step of a workflow becomes a policy of its own', async t => {
  const cwd = t.testdir({ 'build.yml': workflow })
  const { stdout, stderr, exitCode } = await outcome(importPolicy, ['--workflow', 'build.yml'], { cwd })
  t.equal(exitCode, 0)
  t.match(stderr, /2 steps/)
  t.match(stderr, /kept-elsewhere/)
  const documents = parseAllDocuments(stdout)
  t.equal(documents.length, 2)
  t.match(
    documents.map(document => document.toJS()),
    [
      { mode: 'block', allow: ['a.test', '**.b.test'] },
      { mode: 'audit', allow: [] },
    ],
  )
})

t.test('import: --job picks the steps of one job', async t => {
  const cwd = t.testdir({ 'build.yml': workflow })
  const { stdout } = await outcome(importPolicy, ['--workflow', 'build.yml', '--job', 'build'], { cwd })
  t.equal(parsePolicy(stdout, 'imported', () => undefined).mode, 'block')
})

t.test('import: an Azure task is read alike', async t => {
  const cwd = t.testdir({ 'azure-pipelines.yml': pipeline })
  const { stdout, exitCode } = await outcome(importPolicy, ['--workflow', 'azure-pipelines.yml'], { cwd })
  t.equal(exitCode, 0)
  t.match(parseAllDocuments(stdout)[0]?.toJS(), {
    mode: 'block',
    allow: ['a.test', 'tcp://b.test:22'],
    tls: { inspect: 'none' },
  })
  t.match(stdout, 'job build')
})

const faults: readonly [string, readonly string[], string][] = [
  ['nothing to import', [], 'USAGE'],
  ['both sources', ['--allowed-endpoints', 'a.test', '--workflow', 'build.yml'], 'USAGE'],
  ['--job without a workflow', ['--allowed-endpoints', 'a.test', '--job', 'x'], 'USAGE'],
  ['an unknown option', ['--endpoints', 'a.test'], 'USAGE'],
  ['a missing workflow', ['--workflow', 'missing.yml'], 'POLICY_UNREADABLE'],
  ['a workflow that is no YAML', ['--workflow', 'broken.yml'], 'POLICY_INVALID'],
  ['a workflow without such a step', ['--workflow', 'other.yml'], 'POLICY_INVALID'],
  ['a job without such a step', ['--workflow', 'build.yml', '--job', 'other'], 'POLICY_INVALID'],
]
for (const [name, args, code] of faults) {
  t.test(`import: fails with ${code}, when given ${name}`, async t => {
    const cwd = t.testdir({ 'build.yml': workflow, 'broken.yml': 'a: [', 'other.yml': 'a: 1\n' })
    const { stdout, error } = await outcome(importPolicy, args, { cwd })
    t.equal(error?.code, code)
    t.equal(stdout, '')
  })
}
