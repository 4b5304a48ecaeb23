// The demo's build, attacks and all, in the published compose project: what got out in audit, and what did not in block.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import * as z from 'zod'
import { forget, lootOf, type Secrets } from '../../demo/loot.ts'
import { review } from '../../demo/review.ts'
import { openLab, type Lab } from '../lab/lab.ts'
import { labRoots, openProject, type ComposeProject } from './compose-project.ts'
import type { Engine } from './engine/engine.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'

t.setTimeout(400_000)

const script = readFileSync(fileURLToPath(new URL('../../demo/build.sh', import.meta.url)), 'utf8')
const trustRoots = 'tls: { extraCa: [/etc/tidegate/lab-ca.pem] }\n'
const buildImage = 'acme/build'
const record = '/var/log/tidegate/build/latest'
const services = ['origins', 'git', 'npm', 'metadata'] as const
const skip = whyNoDocker(services)

/** The build of the demo needs the usual clients and npm: an image as a user would make it. */
const dockerfile = `FROM lab/tools
COPY --from=node:24-bookworm-slim /usr/local /usr/local
`

const logLine = z.looseObject({
  layer: z.string(),
  verdict: z.string().optional(),
  reason: z.string().optional(),
  host: z.string().optional(),
  path: z.string().optional(),
  asked: z.string().optional(),
})
type Line = z.output<typeof logLine>

const summary = z.looseObject({
  refused: z.array(
    z.looseObject({
      host: z.string(),
      reason: z.string(),
      rule: z.string().optional(),
      example: z.string().optional(),
      allow: z.array(z.string()),
    }),
  ),
  suggestions: z.array(z.string()),
  log: z.looseObject({ state: z.string() }),
})

/** What the log must say of each attack, in both modes: `verdict` is that of the mode. */
const attacks: readonly (readonly [name: string, line: Readonly<Record<string, unknown>>])[] = [
  ['install script of a package, to a name', { layer: 'dns', host: 'collector.evil.test', reason: 'no-rule' }],
  ['install script of a package, to an address', { host: '203.0.113.66', port: 443, reason: 'address-literal' }],
  ['changed coverage uploader', { host: '203.0.113.66', path: '/upload/v2', reason: 'address-literal' }],
  ['second stage from an address', { host: '203.0.113.77', reason: 'address-literal' }],
  ['another host behind a front', { host: 'files.acme.test', asked: 'elsewhere.acme.test', reason: 'host-mismatch' }],
]

async function makeBuildImage(engine: Engine): Promise<void> {
  const { exitCode, stderr } = await engine.docker(['build', '--tag', buildImage, '-'], { input: dockerfile })
  if (exitCode !== 0) throw new Error(stderr)
}

function openBuild(lab: Lab, engine: Engine, name: string, policy: string, secrets: Secrets): ComposeProject {
  return openProject(lab, engine, name, {
    policy,
    files: { 'build.sh': script },
    override: `services:
  build:
    image: ${buildImage}
    command: [sh, build.sh]
    environment: ${JSON.stringify({ ...secrets, npm_config_registry: 'https://npm.acme.test/' })}
${labRoots}`,
  })
}

/** Runs a program of the image on the project's record, and returns what it prints. */
async function ask(t: Test, project: ComposeProject, ...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await project.compose(['run', '--rm', '--no-TTY', 'report', ...args])
  t.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
  return stdout
}

async function readLog(t: Test, project: ComposeProject): Promise<readonly Line[]> {
  const text = await ask(t, project, 'cat', `${record}/egress.ndjson`)
  const lines = text.trimEnd().split('\n')
  return lines.map(line => logLine.parse(JSON.parse(line)))
}

function has(lines: readonly Line[], wanted: Readonly<Record<string, unknown>>): boolean {
  return lines.some(line => Object.entries(wanted).every(([key, value]) => line[key] === value))
}

/** Names under which the key was asked for in DNS. */
function spelled(lines: readonly Line[], key: string): readonly (string | undefined)[] {
  const digits = Buffer.from(key).toString('hex')
  const asked = lines.filter(({ layer, host = '' }) => layer === 'dns' && host.endsWith('.x.evil.test'))
  const told = [...new Set(asked.map(({ host = '' }) => host.split('.')[0]))].join('')
  return told === digits ? asked.map(({ verdict }) => verdict) : [`${told} is not the key`]
}

t.test('the build of the demo in containers', { skip }, async t => {
  await using lab = await openLab({ services })
  await using engine = await openProductEngine(lab)
  await makeBuildImage(engine)
  /** Made up anew each time, so that finding one at the attacker's is proof. */
  const secrets: Secrets = {
    AWS_SECRET_ACCESS_KEY: randomBytes(30).toString('base64url'),
    GITHUB_TOKEN: `ghp_${randomBytes(18).toString('hex')}`,
  }
  let suggested = ''

  await t.test('audit: every attack has its loot, the log names each, and a policy is suggested', async t => {
    await using project = openBuild(lab, engine, 'audit', `version: 1\nmode: audit\n${trustRoots}`, secrets)
    const up = await project.compose(['up', '--exit-code-from', 'build'])
    t.equal(up.exitCode, 0, up.stdout + up.stderr)
    const loot = await lootOf(lab, secrets)
    for (const { name, reached } of loot.attacks) t.ok(reached, `${name}: reached`)
    t.ok(loot.secret, 'a secret of the build is at the attacker’s')

    const lines = await readLog(t, project)
    for (const [name, line] of attacks) t.ok(has(lines, { ...line, verdict: 'observe' }), `the log names ${name}`)
    const verdicts = spelled(lines, secrets.AWS_SECRET_ACCESS_KEY)
    t.strictSame([...new Set(verdicts)], ['observe'], 'the log has each name that spells the key')
    await ask(t, project, 'tidegate', 'verify', record)
    suggested = await ask(t, project, 'tidegate', 'suggest', record)
  })

  await forget(lab)
  await t.test('block, with that policy as reviewed: the build is done, the attacker has nothing', async t => {
    const { kept, struck } = review(suggested)
    t.equal(struck.length, 1, 'of the attacker’s names only the one that was connected to was suggested')
    t.match(struck[0], 'https://collector.evil.test/collect')
    // What a reviewer adds who has read the report: no names under which data goes out.
    const policy = `${kept}\nforbid: ['**.x.evil.test']\n${trustRoots}`
    await using project = openBuild(lab, engine, 'block', policy, secrets)
    const up = await project.compose(['up', '--exit-code-from', 'build'])
    t.equal(up.exitCode, 0, up.stdout + up.stderr)
    const loot = await lootOf(lab, secrets)
    for (const { name, reached } of loot.attacks) t.notOk(reached, `${name}: stopped`)
    t.notOk(loot.secret, 'no secret of the build is at the attacker’s')
    t.strictSame(await lab.sink.lines(), [], 'the attacker’s machine has not seen a packet')
    const published = await lab.origins.requests({ host: 'files.acme.test', path: '/upload' })
    t.equal(published.length, 1, 'the package was published')

    const lines = await readLog(t, project)
    for (const [name, line] of attacks) t.ok(has(lines, { ...line, verdict: 'deny' }), `the log names ${name}`)
    const verdicts = spelled(lines, secrets.AWS_SECRET_ACCESS_KEY)
    t.strictSame([...new Set(verdicts)], ['deny'], 'the log has each name that spells the key')
    t.ok(!lines.some(({ verdict }) => verdict === 'observe'))

    const report = summary.parse(JSON.parse(await ask(t, project, 'cat', `${record}/summary.json`)))
    t.equal(report.log.state, 'sealed')
    const row = (host: string) => report.refused.find(each => each.host === host)
    t.match(row('collector.evil.test'), { reason: 'no-rule', allow: ['collector.evil.test'] }, 'refused, with its fix')
    t.match(row('**.x.evil.test'), { reason: 'forbidden', rule: /forbid/, allow: [] }, 'refused, with the rule')
    for (const address of ['203.0.113.66', '203.0.113.77'])
      t.match(row(address), { reason: 'address-literal', allow: [] }, 'nobody is led to allow an address')
    t.match(row('files.acme.test'), { reason: 'host-mismatch', allow: [] })
    t.strictSame(report.suggestions, ['collector.evil.test'])
    t.match(await ask(t, project, 'tidegate', 'report', record), /^ *- collector\.evil\.test$/m)
  })
})
