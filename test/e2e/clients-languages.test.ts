import { execa } from 'execa'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy } from './behind.ts'
import { linesFor, requestsOnBothSides } from './record-check.ts'
import { runSteps } from './steps.ts'
import { findProgram, whyNoProgram, whyNoToolchain } from './toolchain.ts'

t.setTimeout(180_000)

const file = (name: string): string => new URL(`clients/${name}`, import.meta.url).pathname
const hosts = 'h1.acme.test h2.acme.test'
const goHomes = ['/usr/local/go/bin', '/usr/lib/go/bin']
const whyNo = {
  node: false,
  python: whyNoProgram('python3'),
  java: whyNoToolchain('java') || whyNoToolchain('javac'),
  go: whyNoToolchain('go', goHomes),
} as const
const ours = /^(?:CN=)?Tidegate \w+ for job sh$/

/** What each client must have seen, line by line. */
const expected = {
  node: [
    { client: 'fetch', status: 200, body: { length: 100_000 } },
    { client: 'https', path: '/1xx', status: 200, reused: false, issuer: ours, early: 103, length: 10 },
    { client: 'https', path: '/trailers', reused: true, trailers: ['X-Checksum', 'abc', 'X-Signed-By', 'Lab'] },
    { client: 'https', path: '/upload', status: 200, reused: true, early: 100 },
    { client: 'http2', status: 200, issuer: ours, length: 14, trailers: ['x-checksum', 'abc', 'x-signed-by', 'Lab'] },
  ],
  python: [
    { client: 'urllib', status: 200, body: { length: 100_000 } },
    { client: 'http.client', reason: 'Quite All Right', length: 12, issuer: ours, cookies: ['a=1; Path=/', 'b=2'] },
    { client: 'http.client', status: 200 },
    { client: 'urllib', status: 404 },
  ],
  java: [
    { client: 'HttpClient', status: 200, version: 'HTTP_1_1', issuer: ours, body: { length: 100_000 } },
    { client: 'HttpClient', status: 200, version: 'HTTP_2', issuer: ours, body: { length: 100_000 } },
    { client: 'HttpsURLConnection', status: 200, length: 70_000 },
  ],
  go: [
    { status: 200, proto: 'HTTP/1.1', issuer: ours, trailer: 'abc', body: 'with trailers\n' },
    { status: 200, proto: 'HTTP/1.1', issuer: ours, body: /"length":100000/ },
    { status: 200, proto: 'HTTP/2.0', issuer: ours, trailer: 'abc', body: 'with trailers\n' },
    { status: 200, proto: 'HTTP/2.0', issuer: ours, body: /"length":100000/ },
  ],
} as const

const exes = { node: /\/node$/, python: /\/python3[.\d]*$/, java: /\/java$/, go: /\/go-client$/ } as const

await t.test('HTTP clients of languages work unmodified', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  // Built outside the lab, where the cache of the machine is; nothing is downloaded.
  if (whyNo.go === false) {
    const env = { GO111MODULE: 'off', GOPROXY: 'off', GOFLAGS: '', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' }
    const go = findProgram('go', goHomes) ?? 'go'
    await execa(go, ['build', '-o', lab.file('go-client'), file('go/main.go')], { env, timeout: 120_000 })
  }
  if (whyNo.java === false) await execa('javac', ['-d', lab.file('java'), file('Client.java')], { timeout: 60_000 })
  const commands = {
    node: `node '${file('node.ts')}' ${hosts}`,
    python: `python3 '${file('client.py')}' ${hosts}`,
    java: `java -cp '${lab.file('java')}' Client ${hosts}`,
    go: `'${lab.file('go-client')}' ${hosts}`,
  }
  const languages = (['node', 'python', 'java', 'go'] as const).filter(name => whyNo[name] === false)
  const steps = Object.fromEntries(languages.map(name => [name, commands[name]]))

  for (const [mode, policy] of [
    ['block', blockPolicy(['GET,PUT,POST h1.acme.test', 'GET,PUT,POST h2.acme.test'])],
    ['audit', auditPolicy],
  ] as const) {
    await lab.origins.clear()
    const run = await runSteps(lab, { policy, steps })
    const is = mode === 'block' ? { verdict: 'allow' as const } : { verdict: 'observe' as const, reason: 'no-rule' }
    for (const name of ['node', 'python', 'java', 'go'] as const)
      await t.test(`${name}, in ${mode}`, { skip: whyNo[name] }, async t => {
        const { stdout, stderr } = run.step(name)
        const lines: readonly unknown[] = stdout
          .split('\n')
          // A JVM warns on the same stream when the machine is busy.
          .filter(line => line.startsWith('{'))
          .map(line => JSON.parse(line))
        t.match(lines, expected[name], stderr)
        t.equal(lines.length, expected[name].length, stderr)
        const flows = run.lines.filter(({ process }) => exes[name].test(process?.exe ?? ''))
        t.equal(flows.filter(({ layer }) => layer === 'http').length, lines.length, 'each request is its own')
        for (const line of flows) {
          t.match(line, { ...is, process: { uid: 0, parents: ['/usr/bin/dash', '/usr/bin/timeout', '/usr/bin/dash'] } })
          if (line.layer === 'http') t.equal(line.inspected, true)
        }
        t.ok(
          flows.some(({ layer }) => layer === 'dns'),
          'its DNS questions over UDP too',
        )
      })
    const unknown = linesFor(run.lines, 'h1.acme.test').filter(({ process }) => process === undefined)
    t.strictSame(unknown, [], 'every flow has its process')
    const { logged, arrived } = requestsOnBothSides(run.lines, await lab.origins.requests())
    t.strictSame(logged, arrived, 'one line for each request, and none else')
  }
})
