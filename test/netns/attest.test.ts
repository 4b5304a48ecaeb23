// `tidegate attest`: holds behind the gateway, and fails where the wall does not stand.
import t from 'tap'
import { auditPolicy, blockPolicy, runBehind, tidegate } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { attestIn, openPermissiveJob, readTap } from './attest-rig.ts'
import { gone, openServeRig } from './serve-rig.ts'

t.setTimeout(240_000)
const skip = whyNoLab()

t.test('behind `run`', { skip }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata', 'neighbour'] })

  await t.test('block: every case holds, and nothing gets out', async t => {
    const command = [tidegate, 'attest'] as const
    const { exitCode, stdout, lines } = await runBehind(lab, { policy: blockPolicy([]), command })
    t.equal(exitCode, 0, stdout)
    const { planned, held, broken, skipped } = readTap(stdout)
    t.equal(held.length + skipped.length, planned)
    t.strictSame(broken, [])
    t.ok(held.length >= 70, `root tries them all: ${skipped.join(' ')}`)
    t.strictSame(await lab.sink.lines(), [], 'the sink saw no packet')
    t.strictSame(await lab.dns.queries(), [], 'no resolver was asked anything')
    const left = await lab.uplink.packets()
    t.strictSame(left, [], 'nothing at all left the machine')
    for (const layer of ['dns', 'tcp', 'http', 'packet'])
      t.ok(
        lines.some(line => line.layer === layer && line.verdict === 'deny'),
        `the record has what was refused: ${layer}`,
      )
  })

  await t.test('audit: what it carries is skipped, the rest holds', async t => {
    const command = [tidegate, 'attest', '--mode', 'audit'] as const
    const { exitCode, stdout } = await runBehind(lab, { policy: auditPolicy, command })
    t.equal(exitCode, 0, stdout)
    const { planned, held, broken, skipped } = readTap(stdout)
    t.strictSame(broken, [])
    t.ok(held.length >= 35 && skipped.length >= 20)
    t.equal(held.length + skipped.length, planned)
    t.strictSame(await lab.sink.lines(), [], 'what audit would carry was not sent')
  })

  await t.test('the stricter mode taken for audit is no lie: what audit carries does not hold', async t => {
    const command = [tidegate, 'attest', '--mode', 'block'] as const
    const { exitCode, stdout } = await runBehind(lab, { policy: auditPolicy, command })
    t.equal(exitCode, 1)
    const { broken } = readTap(stdout)
    t.ok(broken.includes('N1') && broken.includes('N16') && broken.includes('D4'), stdout)
  })

  await t.test('a user who is not root: what it may not send is skipped', async t => {
    const { exitCode, stdout } = await runBehind(lab, {
      policy: blockPolicy([]),
      command: [tidegate, 'attest'],
      options: ['--user', '65534:65534'],
    })
    t.equal(exitCode, 0, stdout)
    t.ok(readTap(stdout).skipped.includes('N5'))
  })

  await t.test('a rule that opens what no build should reach is found', async t => {
    const policy = blockPolicy(['tcp://169.254.169.254:80'])
    const { exitCode, stdout } = await runBehind(lab, { policy, command: [tidegate, 'attest'] })
    t.equal(exitCode, 1, stdout)
    t.ok(readTap(stdout).broken.includes('N16'), stdout)
  })
})

t.test('in a container: the mode is learned, the record says that it was a test', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { build: blockPolicy([]) } })
  const container = await rig.container('one')
  t.equal((await container.link('--policy', 'build')).exitCode, 0)
  const mount = ['--target', String(container.pid), '--mount', 'mount', '-o', 'remount,bind,ro', '/run/tidegate']
  t.equal((await lab.host.exec('nsenter', mount)).exitCode, 0)

  const whole = await attestIn(lab, container.pid)
  t.equal(whole.exitCode, 0, `${whole.stdout}${JSON.stringify(rig.log())}`)
  t.match(whole.stdout, '# mode: block, as job.sock says')

  // A second way out, which no gateway can see.
  t.equal((await container.asInit('ip link add second type veth peer name third')).exitCode, 0)
  const pierced = await attestIn(lab, container.pid)
  t.equal(pierced.exitCode, 1)
  t.strictSame(readTap(pierced.stdout).broken, ['N17'], pierced.stdout)
  t.match(pierced.stdout, /reached: "interfaces: (?:second, third|third, second)"/)

  await container.kill()
  await gone(rig, 'one')
  await assertValidLog(`${rig.record('one')}/egress.ndjson`)
  t.match(
    rig.lines('one').filter(({ event }) => event === 'selftest'),
    [
      { details: { phase: 'begin' } },
      { details: { phase: 'end', failed: 0 } },
      { details: { phase: 'begin' } },
      { details: { phase: 'end', failed: 1 } },
    ],
  )
  t.strictSame(await lab.sink.lines(), [])
})

t.test('where the wall does not stand', { skip }, async t => {
  await using lab = await openLab()

  await t.test('a wire that ends at a router: nearly nothing holds', async t => {
    await using job = await openPermissiveJob(lab)
    const { exitCode, stdout } = await attestIn(lab, job.pid)
    t.equal(exitCode, 1, stdout)
    const { broken } = readTap(stdout)
    for (const id of ['D1', 'D3', 'D4', 'D6', 'N1', 'N4', 'N5', 'N6', 'N7', 'N8', 'N9', 'N16', 'N17', 'N18', 'T1'])
      t.ok(broken.includes(id), `${id} does not hold`)
    t.not((await lab.sink.lines()).length, 0, 'and the sink saw it')
  })

  await t.test('a wire that swallows everything: silence is no refusal', async t => {
    await using job = await openPermissiveJob(lab)
    const swallow = 'add table inet hole; add chain inet hole arrive { type filter hook prerouting priority -500; }'
    const laid = await lab.host.exec('nft', ['-f', '-'], {
      input: `${swallow}\nadd rule inet hole arrive iifname fake0 drop\n`,
    })
    t.equal(laid.exitCode, 0, laid.stderr)
    const { exitCode, stdout } = await attestIn(lab, job.pid)
    t.equal(exitCode, 1)
    const { broken, held } = readTap(stdout)
    for (const id of ['D1', 'D4', 'N1', 'N8', 'N16', 'N18', 'T1']) t.ok(broken.includes(id), `${id} does not hold`)
    t.notOk(held.includes('D1') || held.includes('N8'))
    await lab.host.exec('nft', ['delete', 'table', 'inet', 'hole'])
  })

  await t.test('not a job at all', async t => {
    const { exitCode, stdout, stderr } = await lab.host.exec(tidegate, ['attest'])
    t.equal(exitCode, 2)
    t.equal(stdout, '')
    t.match(stderr, /^tidegate: attest: this is not inside a job/)
  })
})
