// Who is behind a connection of a container: known where the gateway may look, absent where it may not, never wrong.
import t from 'tap'
import { blockPolicy } from '../e2e/behind.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { assertValidLog } from '../schema.ts'
import { gone, openServeRig, trusting } from './serve-rig.ts'

t.setTimeout(150_000)
const skip = whyNoLab()
const rules = ['https://api.acme.test', 'tcp://lab.test:7', 'udp://lab.test:7']
/** Talks over both, says so, and holds its sockets until its input ends. */
const talk =
  'import socket, sys\nheld = []\nfor kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n s = socket.socket(socket.AF_INET, kind); held.append(s); s.settimeout(5); s.connect(("lab.test", 7)); s.send(b"hello"); s.recv(9)\nprint("said", flush=True); sys.stdin.read()'

t.test(
  'with SYS_PTRACE and DAC_READ_SEARCH, each connection has its process, of its own container',
  { skip },
  async t => {
    await using lab = await openLab()
    const policies = { build: trusting(lab, blockPolicy(rules)) }
    await using rig = await openServeRig(lab, { policies, mayLook: true })
    const [one, two] = [await rig.container('one'), await rig.container('two')]
    for (const container of [one, two]) t.equal((await container.link('--policy', 'build')).exitCode, 0)
    const pipe = lab.file('pipe')
    const all = [
      `mkfifo ${pipe}.in ${pipe}.out`,
      `/usr/bin/python3 -c '${talk}' <${pipe}.in >${pipe}.out &`,
      `exec 3>${pipe}.in; read said <${pipe}.out`,
      'curl -sSf https://api.acme.test/echo -o /dev/null; curl -sm5 https://evil.test/',
      'exec 3>&-; wait',
    ]
    // As somebody who is not root.
    const again =
      'for i in 1 2 3; do setpriv --reuid=65534 --clear-groups curl -sSf https://api.acme.test/echo -o /dev/null; done'
    await Promise.all([one.sh(all.join('\n')), two.sh(again)])
    for (const [job, container] of [
      ['one', one],
      ['two', two],
    ] as const) {
      await container.kill()
      await gone(rig, job)
      await assertValidLog(`${rig.record(job)}/egress.ndjson`)
    }
    const exe = (file: string) => ({ process: { exe: new RegExp(`/${file}`), parents: [/sh$/] } })
    const flows = (job: string) => rig.lines(job).filter(({ layer }) => ['http', 'tcp', 'udp', 'dns'].includes(layer))
    const [first, second] = [flows('one'), flows('two')]
    t.match(
      first.filter(({ layer }) => layer === 'tcp' || layer === 'udp'),
      [exe('python3'), exe('python3')],
    )
    t.match(
      first.filter(({ layer }) => layer === 'http'),
      [exe('curl')],
    )
    t.match(
      first.find(({ host, layer }) => host === 'evil.test' && layer === 'dns'),
      exe('curl'),
      'the refused one too',
    )
    t.match(
      second.filter(({ layer }) => layer === 'http'),
      Array.from({ length: 3 }, () => ({ process: { exe: /\/curl$/, uid: 65_534 } })),
    )
    t.ok(
      second.every(({ process }) => process === undefined || !/python/.test(process.exe)),
      'nothing of the other container',
    )
  },
)

t.test('without them, lines have no process, and all else is as ever', { skip }, async t => {
  await using lab = await openLab()
  await using rig = await openServeRig(lab, { policies: { build: trusting(lab, blockPolicy(rules)) } })
  const one = await rig.container('one')
  t.equal((await one.link('--policy', 'build')).exitCode, 0)
  t.equal((await one.sh('curl -sSf https://api.acme.test/echo -o /dev/null')).exitCode, 0)
  await one.kill()
  await gone(rig, 'one')
  const lines = rig.lines('one')
  t.ok(lines.some(({ layer, verdict }) => layer === 'http' && verdict === 'allow'))
  t.strictSame(
    lines.filter(({ process }) => process !== undefined),
    [],
  )
})
