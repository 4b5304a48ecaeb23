import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { GatewayError } from '../gateway/errors.ts'
import { plainSocket } from '../gateway/packet/sockets.ts'
import type { TableReading } from '../gateway/packet/table-reading.ts'
import type { Datagram } from '../gateway/packet/udp-listener.ts'
import type { LaidWire, Wire, WireSocket } from '../gateway/packet/wire.ts'
import type { Mode } from '../gateway/policy/policy.ts'
import { excessSets, parseStatus } from './capabilities.ts'
import { hasNoV6, hasOnlyOneRoute, hasOnlyTheWire, readV6 } from './job-network.ts'
import type { JobPlace } from './launch.ts'

/** What was proved, and what the kernel had counted by then: those counts are the proof's own. */
export interface Proof {
  readonly reading: TableReading
  readonly checks: readonly string[]
}

/** Addresses of documentation networks: nobody has them, so whoever answers is the wire. */
const probe = { address: '203.0.113.1', resolver: '203.0.113.53', port: 443, closed: 9 } as const
// A machine that stands still for some seconds must not fail a build; one that has a firewall in the way can wait as long.
const timeLimitMs = 10_000

/**
 * Proves the wire from the job's side, before anything of the job exists: what it sends arrives here and nowhere else, and
 * what runs in the place has no means to change that. Uses the wire's listeners; nobody else may serve them yet.
 * @throws GatewayError WIRE_NOT_PROVED; `details.check` names what failed
 */
export async function proveWire(wire: LaidWire, place: JobPlace, mode: Mode, signal: AbortSignal): Promise<Proof> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(timeLimitMs)])
  const checks: readonly (readonly [name: string, check: () => Promise<boolean> | boolean])[] = [
    ['only lo and the wire are in the job', () => hasOnlyTheWire(read(place, 'dev'))],
    ['the only way out is the wire', () => hasOnlyOneRoute(read(place, 'route'), wire.gatewayAddress)],
    ['no IPv6 address but ::1', () => hasNoV6(readV6(`/proc/${place.initPid}/net`))],
    ['the job may not change its network', async () => isConfined(await statusInside(place, stop))],
    [
      'TCP to any address reaches the front door',
      async () => reachesDoor(wire, wire.door, probe.address, probe.port, stop),
    ],
    [
      'DNS over TCP to any address reaches the gateway',
      async () => reachesDoor(wire, wire.dnsTcp, probe.resolver, 53, stop),
    ],
    ['DNS over UDP to any address is answered by the gateway', async () => dnsIsAnswered(wire, stop)],
    ['UDP without a rule goes nowhere', async () => udpGoesNowhere(wire, mode, stop)],
  ]
  await place.ready
  const outcomes = await Promise.all(
    checks.map(async ([name, check]) => ({ name, held: await attempt(name, check, wire, stop) })),
  )
  const reading = await wire.read(stop)
  const intact = await attempt('every packet stays on this machine', () => wire.isIntact(stop, reading), wire, stop)
  const names = [...outcomes, { name: 'every packet stays on this machine', held: intact }]
  const failed = names.find(({ held }) => !held)
  if (failed !== undefined) throw notProved(failed.name, 'it does not hold', wire)
  return { reading, checks: names.map(({ name }) => name) }
}

async function attempt(
  name: string,
  check: () => Promise<boolean> | boolean,
  wire: Wire,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await check()
  } catch (cause) {
    throw notProved(name, signal.aborted ? lateFor(wire) : reasonOf(cause), wire, cause)
  }
}

function notProved(name: string, why: string, { slot }: Wire, cause?: unknown): GatewayError {
  return new GatewayError('WIRE_NOT_PROVED', `the wire is not proved: ${name}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { check: name, device: slot.device },
  })
}

/** What is wrong most often when nothing arrives. */
function lateFor({ slot }: Wire): string {
  return `no answer in time (a firewall of this machine must accept input from ${slot.device}: from "tg*")`
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

function read({ initPid }: JobPlace, name: 'dev' | 'route'): string {
  return readFileSync(`/proc/${initPid}/net/${name}`, 'latin1')
}

/** Starts a program exactly as the job will be, and lets it tell what it may do. */
async function statusInside(place: JobPlace, signal: AbortSignal): Promise<string> {
  const { child, exited } = place.start({
    command: ['/bin/cat', '/proc/self/status'],
    env: {},
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said[0] += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said[1] += text))
  const stop = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  const closed = once(child, 'close')
  const { code } = await exited
  await closed
  signal.removeEventListener('abort', stop)
  if (code !== 0) throw new Error(`a program cannot be started in the job: ${said[1]?.trim()}`)
  return said[0] ?? ''
}

function isConfined(text: string): boolean {
  const status = parseStatus(text)
  return status !== undefined && excessSets(status).length === 0 && status.seccomp === 2
}

/** A connection made in the job arrives at our listener, which sees whom it was for and who made it. */
async function reachesDoor(
  wire: LaidWire,
  listener: WireSocket,
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<boolean> {
  using server = disposable(createServer(), it => it.close())
  server.it.listen({ fd: listener.descriptor() })
  await once(server.it, 'listening', { signal })
  const arrival = once(server.it, 'connection', { signal })
  arrival.catch(() => undefined)
  using client = disposable(new Socket({ fd: wire.namespace.run(() => plainSocket('tcp')) }), it => it.destroy())
  client.it.connect({ host, port })
  await once(client.it, 'connect', { signal })
  const [arrived]: unknown[] = await arrival
  if (!(arrived instanceof Socket)) return false
  using accepted = disposable(arrived, it => it.destroy())
  const { localAddress, localPort, remoteAddress, remotePort } = accepted.it
  return (
    localAddress === host &&
    localPort === port &&
    remoteAddress === wire.jobAddress &&
    remotePort === client.it.localPort
  )
}

async function dnsIsAnswered(wire: LaidWire, signal: AbortSignal): Promise<boolean> {
  using server = disposable(createSocket('udp4'), it => it.close())
  server.it.bind({ fd: wire.dnsUdp.descriptor() })
  server.it.on('message', (message, { port, address }) => server.it.send(message, port, address))
  using client = disposable(jobSocket(wire), it => it.close())
  client.it.connect(53, probe.resolver)
  await once(client.it, 'connect', { signal })
  const question = Buffer.from(`tidegate proof ${wire.slot.id}`)
  const answer = once(client.it, 'message', { signal })
  // UDP may be lost on a busy machine: ask again, as resolvers do.
  using asking = disposable(
    setInterval(() => client.it.send(question), 200),
    clearInterval,
  )
  asking.it.unref()
  client.it.send(question)
  const [data]: unknown[] = await answer
  return data instanceof Uint8Array && question.equals(data)
}

/** In block mode the kernel refuses at once; in audit mode the datagram arrives here, and so did not get out either. */
async function udpGoesNowhere(wire: LaidWire, mode: Mode, signal: AbortSignal): Promise<boolean> {
  const arrival = new Promise<Datagram>(fulfil => wire.serveUdp(fulfil))
  using client = disposable(jobSocket(wire), it => it.close())
  client.it.connect(probe.closed, probe.address)
  await once(client.it, 'connect', { signal })
  const refusal = once(client.it, 'error', { signal })
  refusal.catch(() => undefined)
  client.it.send(Buffer.from('tidegate proof'))
  if (mode === 'audit') {
    const [aborted, datagram] = [once(signal, 'abort'), arrival]
    const first = await Promise.race([datagram, aborted])
    return (
      'destination' in first && first.destination.address === probe.address && first.source.address === wire.jobAddress
    )
  }
  const [error]: unknown[] = await refusal
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
}

function jobSocket(wire: LaidWire): ReturnType<typeof createSocket> {
  return createSocket('udp4').bind({ fd: wire.namespace.run(() => plainSocket('udp')) })
}

function disposable<It>(it: It, close: (it: It) => void): Disposable & { readonly it: It } {
  return { it, [Symbol.dispose]: () => close(it) }
}
