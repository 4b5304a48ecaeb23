// A job that fills its log: the volume is shared, so the log has an end, and what comes then is neither let through unseen nor forgotten.
import { statSync } from 'node:fs'
import t from 'tap'
import { blockPolicy, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { type Container, gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)

/** Asks over one connection, with paths that make long lines; how many were answered with 200, and what came then, or `more`. */
const asking = `
import http.client, sys
most, connection, good = int(sys.argv[1]), http.client.HTTPConnection("api.acme.test", timeout=20), 0
for number in range(most):
    try:
        connection.request("GET", "/echo/" + "x" * 900)
        answer = connection.getresponse()
        answer.read()
    except OSError as error:
        print(good, type(error).__name__)
        break
    if answer.status == 503:
        print(good, answer.status)
        break
    good += 1
else:
    print(good, "more")
`

async function ask(job: Container, most: number): Promise<readonly [good: number, then: string]> {
  const { stdout, stderr } = await job.exec('python3', ['-c', asking, String(most)], { timeoutMs: 60_000 })
  const [good, then] = stdout.trim().split(' ')
  if (then === undefined) throw new Error(stderr)
  return [Number(good), then]
}

t.test('a log that has reached its limit', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const deny = trusting(lab, blockPolicy(['http://api.acme.test']))
  const more = 'jobs: { "*": {} }\nadmin: 127.0.0.1:9464\nlimits: { logMiB: 1 }\n'
  await using rig = await openServeRig(lab, { policies: { deny, allow: `${deny}onLogFailure: allow\n` }, more })
  const metrics = async (): Promise<string> => (await lab.host.exec('curl', ['-s', '127.0.0.1:9464/metrics'])).stdout

  for (const policy of ['deny', 'allow'] as const) {
    const job = await rig.container(policy)
    t.equal((await job.link('--policy', policy)).exitCode, 0)
    const [good, then] = await ask(job, 2_000)
    t.ok(good > 300, `${good} requests were written`)
    if (policy === 'deny') {
      t.not(then, 'more', 'deny: nothing new passes')
      t.same((await ask(job, 1))[0], 0, 'nor later')
    } else {
      t.equal(then, 'more', 'allow: flows go on')
      t.same(await ask(job, 1), [1, 'more'])
    }
    await job.sh('curl -sm5 http://evil.test/')
    t.match(await metrics(), /^tidegate_enforcing\{mode="block",reason="log-failure"\} 0$/m, 'the metrics say so')
    await job.kill()
    await gone(rig, policy)

    const log = `${rig.record(policy)}/egress.ndjson`
    t.ok(statSync(log).size < 1_048_576 + 4_096, 'it is as long as it may be')
    await assertValidLog(log)
    t.equal((await lab.host.exec(tidegate, ['verify', log])).exitCode, 0, 'whole and sealed')
    const last = rig.lines(policy).slice(-3)
    t.match(last, [
      { event: 'anomaly', details: { kind: 'log-failure', note: /reached its limit/ } },
      { event: 'anomaly', details: { kind: 'log-failure', lost: Number } },
      { event: 'sealed', details: { lost: Number } },
    ])
    t.ok(Number(last[2]?.details?.['lost']) > 0, 'and counts what it does not hold')
    const said = rig.log().filter(({ msg }) => String(msg).includes('has reached its limit'))
    t.match(said.at(-1), { level: 'warn', job: policy })
  }
  t.strictSame(await lab.sink.lines(), [], 'nothing got out')
})
