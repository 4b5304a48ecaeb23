// One job asks for more than it may have, of every kind, and the other goes on as if it were alone.
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const flood = fileURLToPath(new URL('serve-fairness.py', import.meta.url))
const limits = '{ connections: 20, connectionsPerSecond: 20, dials: 5, dnsQuestions: 20, udpFlows: 5 }'

t.test('a job that floods is held to its limits, and another of the same gateway keeps working', { skip }, async t => {
  await using lab = await openLab()
  const rules = ['https://api.acme.test', 'tcp://lab.test:7', 'udp://lab.test:7']
  await using rig = await openServeRig(lab, {
    policies: { build: trusting(lab, blockPolicy(rules)) },
    more: `jobs: { "*": {} }\nlimits: ${limits}\n`,
  })
  const [bad, good] = [await rig.container('bad'), await rig.container('good')]
  for (const container of [bad, good]) t.equal((await container.link('--policy', 'build')).exitCode, 0)

  const enter = ['--target', String(bad.pid), '--net', '--mount']
  const flooding = spawn('nsenter', [...enter, '/usr/bin/python3', flood], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(flooding.stdout, 'data')
  for (let index = 0; index < 10; index += 1) {
    const asked = await good.sh("curl -sSm20 -o /dev/null -w '%{http_code}' https://api.acme.test/echo")
    t.strictSame([asked.exitCode, asked.stdout], [0, '200'], asked.stderr)
  }
  flooding.stdin.end('\n')
  await once(flooding, 'exit')
  t.equal((await good.sh('curl -sSm20 -o /dev/null https://api.acme.test/echo')).exitCode, 0)

  for (const [job, container] of [
    ['bad', bad],
    ['good', good],
  ] as const) {
    await container.kill()
    await gone(rig, job)
    await assertValidLog(`${rig.record(job)}/egress.ndjson`)
  }
  const refused = rig.lines('bad').filter(({ error }) => error === 'JOB_LIMIT')
  for (const layer of ['tcp', 'dns', 'udp']) {
    const lines = refused.filter(line => line.layer === layer)
    t.ok(lines.length > 0, `${layer}: ${lines.length} lines`)
    const reason = layer === 'dns' ? 'dns-budget' : 'too-large'
    for (const line of lines) t.match(line, { verdict: 'deny', reason })
  }
  const count = refused.reduce((sum, { packets = 1 }) => sum + packets, 0)
  t.ok(refused.length < count / 2, `${count} refusals are told in ${refused.length} lines`)
  t.strictSame(
    rig.lines('good').filter(({ error }) => error !== undefined),
    [],
  )
})
