import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { WirePlan } from '../../gateway/control/protocol.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { probeAnswer, type Probed, questionLength } from '../../gateway/packet/probe.ts'
import { plainSocket } from '../../gateway/packet/sockets.ts'
import { hasNoV6, hasOnlyOneRoute, hasOnlyTheWire, readV6 } from '../job-network.ts'
import { carrier } from './interface.ts'
import type { JobSide } from './job-side.ts'

/** What of a plan is proved. */
export type ProofPlan = Pick<WirePlan, 'gatewayAddress' | 'device' | 'mode' | 'probeKey'>

/** Addresses of documentation networks: nobody has them, so whoever answers is the wire. */
const probe = { address: '203.0.113.1', resolver: '203.0.113.53', port: 443, closed: 9 } as const
const timeLimitMs = 10_000
/** A lost packet is sent again by then, not after the second that TCP takes. */
const attemptMs = 300
const procNet = '/proc/thread-self/net'

/**
 * Proves the wire from the job's network namespace: there is no other way out, and what is sent, wherever
 * to, arrives at the gateway that planned it: nobody else can answer the questions, which nobody has asked before.
 * @returns what was proved, one sentence each
 * @throws GatewayError LINK_FAILED when the gateway does not take up its end; WIRE_NOT_PROVED, `details.check` names what failed
 */
export async function proveLink(plan: ProofPlan, side: JobSide, signal: AbortSignal): Promise<readonly string[]> {
  await carrier(plan.device, side, signal)
  const stop = AbortSignal.any([signal, AbortSignal.timeout(timeLimitMs)])
  const question = (listener: Probed) => newQuestion(plan.probeKey, listener)
  const checks: readonly (readonly [name: string, check: () => Promise<boolean> | boolean])[] = [
    ['only lo and the wire are in the job', () => hasOnlyTheWire(read('dev', side))],
    ['the only way out is the wire', () => hasOnlyOneRoute(read('route', side), plan.gatewayAddress)],
    ['no IPv6 address but ::1', () => hasNoV6(side.run(() => readV6(procNet)))],
    [
      'TCP to any address reaches the front door',
      () => answersTcp(probe.address, probe.port, question('door'), side, stop),
    ],
    [
      'DNS over TCP to any address reaches the gateway',
      () => answersTcp(probe.resolver, 53, question('dns-tcp'), side, stop),
    ],
    [
      'DNS over UDP to any address is answered by the gateway',
      () => answersUdp(probe.resolver, question('dns-udp'), side, stop),
    ],
    // In audit mode every UDP port is served, by what the gateway opens only after the proof.
    ...(plan.mode === 'block' ? [['UDP without a rule goes nowhere', () => udpIsRefused(side, stop)] as const] : []),
  ]
  const outcomes = await Promise.all(checks.map(async ([name, check]) => ({ name, fault: await attempt(check, stop) })))
  const failed = outcomes.find(({ fault }) => fault !== undefined)
  if (failed === undefined) return outcomes.map(({ name }) => name)
  throw new GatewayError('WIRE_NOT_PROVED', `the wire is not proved: ${failed.name}: ${failed.fault}`, {
    details: { check: failed.name, device: plan.device },
  })
}

/** What is asked, and what only this gateway answers. */
interface Question {
  readonly asked: string
  readonly answer: string
}

function newQuestion(key: string, listener: Probed): Question {
  const asked = randomBytes(questionLength / 2).toString('hex')
  return { asked, answer: probeAnswer(key, listener, asked) }
}

async function attempt(check: () => Promise<boolean> | boolean, stop: AbortSignal): Promise<string | undefined> {
  try {
    return (await check()) ? undefined : 'it does not hold'
  } catch (cause) {
    if (stop.aborted) return 'no answer in time'
    return cause instanceof Error ? cause.message : String(cause)
  }
}

function read(name: 'dev' | 'route', side: JobSide): string {
  return side.run(() => readFileSync(`${procNet}/${name}`, 'latin1'))
}

/** Tries again when nothing is heard: a SYN may be lost in the moment the wire comes up. */
async function answersTcp(
  host: string,
  port: number,
  question: Question,
  side: JobSide,
  stop: AbortSignal,
): Promise<boolean> {
  for (;;) {
    stop.throwIfAborted()
    const heard = await hear(host, port, question, side, AbortSignal.any([stop, AbortSignal.timeout(attemptMs)]))
    if (heard !== undefined) return heard === question.answer
  }
}

/** What a TCP connection that asks is told before it is closed, little more than an answer; undefined when it is told nothing. */
async function hear(
  host: string,
  port: number,
  { asked, answer }: Question,
  side: JobSide,
  stop: AbortSignal,
): Promise<string | undefined> {
  const socket = new Socket({ fd: side.run(() => plainSocket('tcp')), signal: stop })
  let text = ''
  try {
    socket.setEncoding('latin1').connect({ host, port })
    socket.write(asked)
    for await (const part of socket) {
      text += String(part)
      if (text.length > answer.length) break
    }
    return text
  } catch (cause) {
    if (stop.aborted) return undefined
    throw cause
  } finally {
    socket.destroy()
  }
}

async function answersUdp(resolver: string, question: Question, side: JobSide, stop: AbortSignal): Promise<boolean> {
  using client = udpClient(side)
  client.socket.connect(53, resolver)
  await once(client.socket, 'connect', { signal: stop })
  const answer = once(client.socket, 'message', { signal: stop })
  const ask = (): void => client.socket.send(question.asked)
  // UDP may be lost: ask again, as resolvers do.
  using asking = new DisposableStack()
  asking.adopt(setInterval(ask, attemptMs / 3), clearInterval)
  ask()
  const [data]: unknown[] = await answer
  return data instanceof Uint8Array && Buffer.from(data).toString('latin1') === question.answer
}

/** The gateway's kernel says at once that nobody is there. */
async function udpIsRefused(side: JobSide, stop: AbortSignal): Promise<boolean> {
  using client = udpClient(side)
  client.socket.connect(probe.closed, probe.address)
  await once(client.socket, 'connect', { signal: stop })
  const heard = Promise.race([
    once(client.socket, 'error', { signal: stop }),
    once(client.socket, 'message', { signal: stop }),
  ])
  client.socket.send('tidegate proof')
  const [what]: unknown[] = await heard
  return what instanceof Error && 'code' in what && what.code === 'ECONNREFUSED'
}

function udpClient(side: JobSide): Disposable & { readonly socket: ReturnType<typeof createSocket> } {
  const socket = createSocket('udp4').bind({ fd: side.run(() => plainSocket('udp')) })
  return { socket, [Symbol.dispose]: () => socket.close() }
}
