import t from 'tap'
import {
  answersIn6,
  answerTo,
  arpRequest,
  echo6,
  ethernet,
  etherTypes,
  icmp,
  ipv4,
  ownsInArp,
  udp,
} from '../../../gateway/attest/frames.ts'
import { defaultGatewayIn } from '../../../gateway/attest/job-side.ts'
import { type Address, parseAddress } from '../../../gateway/net/address.ts'

const [own, other] = [Buffer.from('020000000001', 'hex'), Buffer.from('020000000002', 'hex')]
const address = (text: string): Address => {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new TypeError(text)
  return parsed
}
const job = address('198.19.0.2')
const target = address('198.51.100.120')
const router = address('198.19.0.1')

const sent = ipv4(17, { source: job, destination: target, hops: 1 }, udp(1, 2, Buffer.alloc(8)))
const error = (type: number, about: Buffer): Buffer =>
  icmp(type, Buffer.concat([Buffer.alloc(4), about.subarray(0, 28)]))
const fromRouter = (payload: Buffer): Buffer =>
  ethernet(own, other, etherTypes.ip, ipv4(1, { source: router, destination: job }, payload))

t.test('answerTo(): time exceeded and redirects say that it was passed on; unreachable refuses', async t => {
  t.equal(answerTo(fromRouter(error(11, sent)), target), 'passed on')
  t.equal(answerTo(fromRouter(error(5, sent)), target), 'passed on')
  t.equal(answerTo(fromRouter(error(3, sent)), target), 'refused')
})

t.test('answerTo(): what is about another packet says nothing', async t => {
  const another = ipv4(17, { source: job, destination: address('198.51.100.121') }, Buffer.alloc(8))
  t.equal(answerTo(fromRouter(error(11, another)), target), undefined)
  t.equal(answerTo(fromRouter(Buffer.of(11)), target), undefined)
  t.equal(answerTo(Buffer.alloc(20), target), undefined)
})

t.test('answerTo(): a packet from the target is an answer', async t => {
  const packet = ipv4(47, { source: target, destination: job }, Buffer.alloc(8))
  t.equal(answerTo(ethernet(own, other, etherTypes.ip, packet), target), 'answered')
})

t.test('ipv4(), icmp(): the checksums are right', async t => {
  const sum = (bytes: Buffer): number => {
    let total = 0
    for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at)
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
    return total
  }
  t.equal(sum(sent.subarray(0, 20)), 0xffff)
  t.equal(sum(icmp(8, Buffer.from([1, 2, 3, 4]))), 0xffff)
})

t.test('answersIn6(): an echo reply or an error is an answer, an announcement is none', async t => {
  const request = echo6(address('fe80::1'), address('ff02::1'), 1)
  const typed = (type: number): Buffer => {
    const packet = Buffer.from(request)
    packet[40] = type
    return ethernet(own, other, etherTypes.ipv6, packet)
  }
  for (const [type, is] of [
    [129, true],
    [3, true],
    [1, true],
    [135, false],
    [143, false],
  ] as const)
    t.equal(answersIn6(typed(type)), is, String(type))
})

t.test('ownsInArp(): a reply for the address, and no request', async t => {
  const request = arpRequest(own, job, target)
  const reply = arpRequest(other, target, job)
  reply[7] = 2
  t.equal(ownsInArp(ethernet(own, other, etherTypes.arp, reply), target), true)
  t.equal(ownsInArp(ethernet(own, other, etherTypes.arp, reply), router), false)
  t.equal(ownsInArp(ethernet(own, other, etherTypes.arp, request), target), false)
})

t.test('defaultGatewayIn(): as the kernel writes it', async t => {
  const head = 'Iface\tDestination\tGateway \tFlags\n'
  t.equal(defaultGatewayIn(`${head}eth0\t00000000\t010013C6\t0003\neth0\t000013C6\t00000000\t0001\n`), '198.19.0.1')
  t.equal(defaultGatewayIn(head), undefined)
})
