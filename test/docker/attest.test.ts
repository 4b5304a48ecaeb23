// `tidegate attest` as a user runs it: a service of the published compose file, on a real engine.
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { readTap } from '../netns/attest-rig.ts'
import { openProject } from './compose-project.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'

t.setTimeout(600_000)

const policy = 'version: 1\nmode: block\nallow: []\n'
const attest = ['run', '--rm', '--no-TTY', 'attest']

t.test('attest beside a build in containers', { skip: whyNoDocker() }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata'] })
  await using engine = await openProductEngine(lab)

  await t.test('every case holds, with the capabilities that an engine gives to a build', async t => {
    await using project = openProject(lab, engine, 'attest', { policy, override: 'services: {}\n' })
    const { exitCode, stdout, stderr } = await project.compose(attest)
    t.equal(exitCode, 0, stdout + stderr)
    t.match(stdout, '# mode: block, as job.sock says')
    const { planned, held, broken, skipped } = readTap(stdout)
    t.equal(held.length + skipped.length, planned)
    t.strictSame(broken, [])
    t.ok(held.length >= 70, `packets are tried as well: skipped ${skipped.join(' ')}`)
    t.strictSame(await lab.sink.lines(), [])
    t.strictSame(await lab.dns.queries({ under: 'invalid' }), [])
    const log = await project.compose([
      'exec',
      '--no-TTY',
      'gateway',
      'cat',
      '/var/log/tidegate/build/latest/egress.ndjson',
    ])
    t.match(log.stdout, '"phase":"begin"')
    t.match(log.stdout, '"phase":"end"')
  })

  await t.test('N10, P6: what a compose file opened is found', async t => {
    const override = `services:
  attest:
    cap_add: [NET_ADMIN]
    volumes: ['trust:/run/tidegate:rw']
`
    await using project = openProject(lab, engine, 'attest-open', { policy, override })
    const { exitCode, stdout, stderr } = await project.compose(attest)
    t.equal(exitCode, 1, stdout + stderr)
    t.strictSame(readTap(stdout).broken, ['N10', 'P6'], stdout)
  })
})
