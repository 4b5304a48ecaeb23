// Twenty jobs at once on one gateway.
import t from 'tap'
import { blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { networkLeftovers } from './live-run.ts'
import { openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(200_000)

const names = Array.from({ length: 20 }, (_, index) => `job-${index}`)
const requests = 5

function hostOf(name: string): string {
  return `${name}.acme.test`
}

t.test('twenty jobs at once: each log holds its own flows only', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  for (const name of names) await lab.serve(hostOf(name))
  const policies = Object.fromEntries(
    names.map(name => [name, trusting(lab, blockPolicy([`https://${hostOf(name)}`]))]),
  )
  await using rig = await openServeRig(lab, { policies })
  const containers = await Promise.all(names.map(async name => ({ name, it: await rig.container(name) })))
  const linked = await Promise.all(
    containers.map(async ({ name, it }) => it.link('--policy', name, '--timeout', '100')),
  )
  for (const { exitCode, stderr } of linked) t.equal(exitCode, 0, stderr)

  const outcomes = await Promise.all(
    containers.map(async ({ name, it }, index) => {
      const next = hostOf(names[(index + 1) % names.length] ?? '')
      const own = Array.from({ length: requests }, (_, at) => `https://${hostOf(name)}/bytes/${at + 1}`)
      return it.sh(`curl -sSf -m60 -o /dev/null ${own.join(' -o /dev/null ')}; curl -sm20 https://${next}/; echo $?`, {
        timeoutMs: 100_000,
      })
    }),
  )
  for (const [index, { stdout, stderr }] of outcomes.entries())
    t.equal(stdout, '6\n', `${names[index]} does not resolve its neighbour's host: ${stderr}`)
  rig.kill('SIGTERM')
  t.equal(await rig.ended, 0)

  for (const [index, name] of names.entries()) {
    const lines = rig.lines(name)
    const other = hostOf(names[(index + 1) % names.length] ?? '')
    const http = lines.filter(({ layer }) => layer === 'http')
    t.strictSame(
      http.map(({ host, verdict, path }) => `${verdict} ${host}${path}`).toSorted(),
      Array.from({ length: requests }, (_, at) => `allow ${hostOf(name)}/bytes/${at + 1}`),
      name,
    )
    const asked = new Set(lines.filter(({ layer }) => layer === 'dns').map(({ host, verdict }) => `${verdict} ${host}`))
    t.strictSame([...asked].toSorted(), [`allow ${hostOf(name)}`, `deny ${other}`])
    t.equal((await lab.host.exec(tidegate, ['verify', rig.record(name)])).exitCode, 0, `${name} is sealed`)
  }
  t.equal(await networkLeftovers(lab), '')
  t.strictSame(await lab.sink.lines(), [])
})
