// `job.sock`: what a job may say about itself, from inside its container.
import t from 'tap'
import { blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { until } from './machine-services.ts'
import { type Container, gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()

const client =
  'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect("/run/tidegate/job.sock"); s.sendall(sys.argv[1].encode() + b"\\n"); s.shutdown(1); print(s.makefile().read(), end="")'

/** Asks as a step of the job that is not root. */
async function ask(container: Container, request: object): Promise<{ readonly [key: string]: unknown }> {
  const asked = ['--reuid=65534', '--clear-groups', '/usr/bin/python3', '-c', client, JSON.stringify(request)]
  const { stdout, stderr } = await container.exec('setpriv', asked)
  if (stdout === '') throw new Error(`no reply: ${stderr}`)
  return JSON.parse(stdout)
}

async function code(container: Container, url: string): Promise<string> {
  return (await container.sh(`curl -sm8 -o /dev/null -w '%{http_code}' ${url}`)).stdout
}

t.test('P3: a job claims itself once, narrows its policy, reads its summary, and widens nothing', { skip }, async t => {
  await using lab = await openLab()
  const rules = ['https://api.acme.test', 'https://files.acme.test', 'tcp://lab.test:7']
  await using rig = await openServeRig(lab, { policies: { build: trusting(lab, blockPolicy(rules)) } })
  const [one, two] = [await rig.container('one'), await rig.container('two')]
  for (const container of [one, two]) t.equal((await container.link('--policy', 'build')).exitCode, 0)

  t.match(await ask(one, { op: 'claim', by: 'acme/web run 7' }), { ok: true, job: 'one' })
  t.match(await ask(one, { op: 'claim', by: 'thief' }), { ok: false, code: 'JOB_CLAIMED', error: /acme\/web run 7/ })

  const talk =
    'import socket, time\ns = socket.create_connection(("lab.test", 7))\nwhile True: s.send(b"x"); s.recv(1); time.sleep(0.05)'
  const talking = one.exec('python3', ['-c', talk])
  await until(() => rig.lines('one').some(({ host, layer }) => host === 'lab.test' && layer === 'dns'))
  const policy = ['version: 1', 'mode: block', 'allow: [api.acme.test, evil.test]', 'use: [../gateway]', ''].join('\n')
  t.match(await ask(one, { op: 'narrow', policy }), { ok: false, code: 'POLICY_INVALID' })
  t.equal(await code(one, 'https://files.acme.test/'), '200', 'a faulty policy changed nothing')
  const narrowed = await ask(one, { op: 'narrow', policy: policy.replace('use: [../gateway]\n', '') })
  t.match(narrowed, { ok: true, mode: 'block', notes: [] })
  t.not((await talking).exitCode, 0, 'the open tunnel was cut (N19)')
  t.strictSame(
    [
      await code(one, 'https://api.acme.test/'),
      await code(one, 'https://files.acme.test/'),
      await code(one, 'https://evil.test/'),
    ],
    ['200', '000', '000'],
  )
  t.equal(await code(two, 'https://files.acme.test/'), '200', 'the other job is as it was')
  await ask(one, { op: 'narrow', policy: 'version: 1\nmode: audit\nallow: ["**"]\n' })
  t.equal(await code(one, 'https://files.acme.test/'), '000', 'nothing takes it back')
  const { summary } = await ask(one, { op: 'summary' })
  t.match(summary, { job: 'one', log: { state: 'open' } })
  t.notMatch(JSON.stringify(summary), '"job":"two"')

  await one.kill()
  await gone(rig, 'one')
  await assertValidLog(`${rig.record('one')}/egress.ndjson`)
  const lines = rig.lines('one')
  t.match(
    lines.filter(({ event }) => event === 'checkpoint' || event === 'policy-changed'),
    [
      { event: 'checkpoint', details: { note: /acme\/web run 7/ } },
      { event: 'policy-changed', details: { by: 'job', mode: 'block' } },
      { event: 'policy-changed', details: { by: 'job' } },
    ],
  )
  t.match(
    lines.find(({ error }) => error === 'POLICY_CHANGED'),
    { layer: 'tcp', host: 'lab.test', verdict: 'deny', reason: 'no-rule', rule: 'job: no rule' },
  )
})
