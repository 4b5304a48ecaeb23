// What a wire leaves in the kernel when it is cut: connections that go on there after both programs have closed them.
import { once } from 'node:events'
import t from 'tap'
import { type Address, parseAddress } from '../../gateway/net/address.ts'
import { cutWire } from '../../gateway/packet/gateway-end.ts'
import { type Run, run } from '../../gateway/packet/run.ts'
import type { Slot } from '../../gateway/packet/slots.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'

function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new TypeError(text)
  return parsed
}

const jobAddress = address('198.19.0.2')
const slot: Slot = {
  id: '0a1b',
  device: 'tg0a1b',
  table: 'tidegate_0a1b',
  routeTable: 18_000,
  gatewayAddress: address('198.19.0.1'),
  jobAddress,
}

/** The gateway's end as `run` and `serve` leave it, and a job with an address that is dialled. The address stands for any. */
const lay = `
set -e
unshare --net sleep infinity >/dev/null 2>&1 & echo $! > $WORK
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add tg0a1b type veth peer name eth0 netns $!
ip address add 198.19.0.1/30 dev tg0a1b
ip link set tg0a1b up
ip address add 203.0.113.66/32 dev lo
ip route add unreachable 198.19.0.0/30 metric 4096
nsenter --target $! --net sh -c 'ip address add ${jobAddress}/30 dev eth0; ip link set eth0 up; ip route add default via 198.19.0.1'
`
/** Takes a connection of the job, loses the wire, sends and closes; says so, and ends when it is told. */
const speak = `
import os, socket, subprocess, sys
server = socket.create_server(('203.0.113.66', 443))
job = subprocess.Popen(['nsenter', '--target', open(os.environ['WORK']).read().strip(), '--net', 'nc', '203.0.113.66', '443'], stdin=subprocess.PIPE)
there, _ = server.accept()
subprocess.run(['ip', 'link', 'set', 'tg0a1b', 'down'], check=True)
there.send(b'on its way')
there.close()
print('closed', flush=True)
sys.stdin.read()
job.kill()
subprocess.run(['kill', open(os.environ['WORK']).read().strip()])
`

t.test('cutWire(): no connection of the job goes on, and takes the default route', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ services: [] })
  const env = { WORK: lab.file('pid') }
  const laid = await lab.host.exec('sh', ['-c', lay], { env })
  t.equal(laid.exitCode, 0, laid.stderr)
  const speaker = lab.host.spawn('python3', ['-c', speak], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  if (speaker.stdout === null || speaker.stdin === null) throw new Error('no speaker')
  await once(speaker.stdout, 'data')
  const going = async () => (await lab.host.exec('ss', ['-Htn', 'dst', jobAddress])).stdout
  t.match(await going(), /^FIN-WAIT-1/, 'it goes on without its program')

  const inHost: Run = async (file, args, options) => run('ip', ['netns', 'exec', lab.host.name, file, ...args], options)
  await cutWire(inHost, slot)
  t.equal(await going(), '')
  const sent = await lab.uplink.packets(({ destination }) => destination === jobAddress)
  t.strictSame(sent, [])
  speaker.stdin.end()
  await once(speaker, 'exit')
})
