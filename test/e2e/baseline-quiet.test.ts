import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import type { Service } from '../lab/servers/internet-offer.ts'
import { aptOptions } from './apt-options.ts'
import { auditPolicy, blockPolicy, tidegate } from './behind.ts'
import { runSteps } from './steps.ts'

t.setTimeout(240_000)

const websocket = new URL('clients/websocket.ts', import.meta.url).pathname
const services: readonly Service[] = ['origins', 'git', 'npm', 'python', 'debian', 'ssh', 'websocket']
const block = blockPolicy([
  'https://git.acme.test',
  'https://npm.acme.test',
  'https://pypi.acme.test',
  'http://apt.acme.test',
  'tcp://ssh.acme.test:22',
  'api.acme.test',
  'udp://api.acme.test:123',
  'wss://ws.acme.test/socket',
])

await t.test('a build that does what it did is quiet, and becomes stable', { skip: whyNoLab(services) }, async t => {
  await using lab = await openLab({ services })
  const lock = lab.file('egress.lock')
  const ssh = `ssh -F none -i '${lab.file('ssh/id')}' -o UserKnownHostsFile='${lab.file('ssh/known_hosts')}'`
  const steps = (root: string) => ({
    prepare: `ln -s '${aptOptions(root)}' apt-options`,
    clone: 'git clone -q https://git.acme.test/acme/app.git && git -C app fetch -q --tags',
    npm: [
      'mkdir npm && cd npm && echo "{\\"name\\":\\"w\\",\\"version\\":\\"1.0.0\\"}" >package.json',
      'npm install --no-audit --no-fund --no-update-notifier --registry https://npm.acme.test/ --cache "$WORK/npm-cache" lab-right',
    ].join('\n'),
    pip: 'python3 -m pip download --no-cache-dir --disable-pip-version-check --isolated --index-url https://pypi.acme.test/simple/ -d wheels lab-wheel',
    apt: 'apt-get $(cat apt-options) update && apt-get $(cat apt-options) -y install lab-hello',
    wget: 'wget -qO- https://api.acme.test/ && wget -q --spider https://api.acme.test/bytes/12345',
    ssh: `head -c 30000 /dev/zero | ${ssh} root@ssh.acme.test 'wc -c'`,
    // A program in a folder that has another name each time, and a UDP flow, whose process may not be known.
    built:
      'at=$(mktemp -d) && cp "$(command -v curl)" "$at/fetch" && "$at/fetch" -sS -o /dev/null https://api.acme.test/',
    reverse:
      'dig +short -x $(dig +short A api.acme.test) >/dev/null; dig +short -x 192.0.2.$(($(date +%N | sed "s/^0*//") % 250)) >/dev/null',
    socket: `node '${websocket}' wss://ws.acme.test/socket`,
    clock: `python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(5); s.sendto(b"x", ("api.acme.test", 123)); s.recv(9)'`,
  })
  const tool = (...args: readonly string[]) => lab.host.exec(tidegate, args)

  for (const [day, options] of [[], ['--lock', lock], ['--lock', lock], ['--lock', lock, '--frozen']].entries()) {
    await t.test(`day ${day + 1} ${options.at(-1) ?? ''}`, async t => {
      const policy = day === 3 ? block : auditPolicy
      const all = steps(lab.file(`apt-${day}`))
      const job = { policy, steps: all, options: ['--job', 'build', ...options], timeoutMs: 120_000 }
      const run = await runSteps(lab, job)
      for (const step of [
        'prepare',
        'clone',
        'npm',
        'pip',
        'apt',
        'wget',
        'ssh',
        'built',
        'reverse',
        'socket',
        'clock',
      ] as const)
        t.equal(run.step(step).exitCode, 0, `${step}: ${run.step(step).stderr}`)
      t.same(
        run.lines.filter(({ event }) => event === 'anomaly').map(({ details }) => details),
        [],
        'no alarm',
      )
      const updated = await tool('lock', 'update', '--lock', lock, run.out)
      t.equal(updated.exitCode, 0, updated.stderr)
      if (day > 0) t.equal(updated.stdout, '', 'nothing is new')
      t.match(updated.stderr, day === 3 ? '; stable:' : 'still learning')
    })
  }
})
