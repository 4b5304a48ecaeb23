// A gateway as `link` sees one: it speaks the control protocol, takes up its end of the wire and answers probes, and serves
// nothing else. Run in a network namespace: link-fake-gateway.ts SOCKET BEHAVIOUR. It reports as lines of JSON on standard output.
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Lines } from '../../gateway/control/lines.ts'
import { attachReply, controlRequest, maxLineBytes } from '../../gateway/control/protocol.ts'
import { probeAnswer, type Probed, questionLength } from '../../gateway/packet/probe.ts'
import { behaviours } from './link-behaviours.ts'

const [path = '', told = 'serve'] = process.argv.slice(2)
const behaviour = behaviours.find(it => it === told) ?? 'serve'
const id = '0a1b'
const plan = {
  id,
  device: `tg${id}`,
  gatewayPid: process.pid,
  gatewayAddress: '198.19.0.1',
  jobAddress: '198.19.0.2',
  prefixLength: 30,
  gatewayMac: '02:00:0a:0b:0c:0d',
  jobMac: '02:01:0a:0b:0c:0d',
  jobDevice: 'eth0',
  probeKey: '1'.repeat(32),
  mode: behaviour === 'audit' ? 'audit' : 'block',
} as const

const state: { owner: Socket | undefined; proved: boolean } = { owner: undefined, proved: false }

function report(event: string, more: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...more })}\n`)
}

function ip(...commands: readonly string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] })
}

function takeUp(): void {
  try {
    ip(
      `addr add ${plan.gatewayAddress}/30 dev ${plan.device}`,
      `link set dev ${plan.device} arp off addrgenmode none`,
      `neigh replace ${plan.jobAddress} lladdr ${plan.jobMac} dev ${plan.device} nud permanent`,
      `link set dev ${plan.device} up`,
    )
  } catch (cause) {
    // An init that is ended meanwhile takes it away.
    if (existsSync(`/sys/class/net/${plan.device}`)) throw cause
  }
}

async function expectDevice(): Promise<void> {
  while (state.owner !== undefined && !state.proved) {
    if (existsSync(`/sys/class/net/${plan.device}`)) {
      report('device')
      if (behaviour === 'never-up') return
      if (behaviour === 'give-up') {
        state.owner.end(`${JSON.stringify({ ok: false, code: 'SYSCTL_NEEDED', error: 'rp_filter is 1' })}\n`)
        return
      }
      takeUp()
      return
    }
    await delay(2)
  }
}

function answer(socket: Socket, line: string): unknown {
  const request = controlRequest.parse(JSON.parse(line))
  report(request.op, request)
  switch (request.op) {
    case 'attach':
      if (behaviour === 'unknown-policy')
        return { ok: false, code: 'POLICY_UNKNOWN', error: 'there is no policy nightly' }
      if (state.owner !== undefined)
        return {
          ok: false,
          code: 'JOB_EXISTS',
          error: 'the job is here',
          ...(state.proved ? { jobMac: plan.jobMac } : {}),
        }
      state.owner = socket
      void expectDevice()
      return attachReply.parse({ ok: true, plan })
    case 'proved':
      state.proved = behaviour !== 'refuse-proof'
      return state.proved
        ? { ok: true }
        : { ok: false, code: 'WIRE_NOT_PROVED', error: 'the rules are not those that were loaded' }
    default:
      return { ok: true, jobs: [] }
  }
}

function undo(): void {
  state.owner = undefined
  try {
    if (existsSync(`/sys/class/net/${plan.device}`)) ip(`link delete dev ${plan.device}`)
  } catch (cause) {
    // The init may remove its end at the same moment, and ours goes with it.
    if (existsSync(`/sys/class/net/${plan.device}`)) throw cause
  }
  report('undone')
}

// The addresses that `link` asks, so that no transparent sockets are needed here.
ip('link set dev lo up', 'addr add 203.0.113.1/32 dev lo', 'addr add 203.0.113.53/32 dev lo')

createServer(socket => {
  const lines = new Lines(maxLineBytes)
  socket.on('data', chunk => {
    for (const line of lines.push(chunk) ?? []) {
      if (behaviour === 'mute') return
      if (behaviour === 'babble') socket.write('hello\n')
      else socket.write(`${JSON.stringify(answer(socket, line))}\n`)
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    if (socket === state.owner && !state.proved) undo()
  })
}).listen(path, () => report('listening'))

function tell(listener: Probed, key = plan.probeKey): Server {
  return createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.setEncoding('latin1').once('data', (asked: string) => {
      // One that has only listened knows an answer, and not to this question.
      const question = behaviour === 'old-door' && listener === 'door' ? '0'.repeat(questionLength) : asked
      socket.end(probeAnswer(key, listener, question))
    })
  })
}

// Another gateway's has another key.
if (behaviour !== 'silent-door')
  tell('door', behaviour === 'wrong-door' ? '2'.repeat(32) : plan.probeKey).listen(443, '0.0.0.0')
tell('dns-tcp').listen(53, '0.0.0.0')
const dns = createSocket('udp4')
dns.on('message', (message, { address, port }) =>
  dns.send(probeAnswer(plan.probeKey, 'dns-udp', message.toString('latin1')), port, address),
)
if (behaviour !== 'silent-dns') dns.bind(53, '203.0.113.53')
if (behaviour === 'open-udp') {
  const open = createSocket('udp4')
  open.on('message', (_message, { address, port }) => open.send('?', port, address))
  open.bind(9, '203.0.113.1')
}
