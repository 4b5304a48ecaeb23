import t from 'tap'
import { Responder } from '../../gateway/dns/responder.ts'
import { questionLimits } from '../../gateway/dns/question-log.ts'
import { readResponse } from '../../gateway/dns/response.ts'
import type { Existence, Finding, UpstreamResolver } from '../../gateway/dns/upstream.ts'
import { answersQuestion, renderQuestion } from '../../gateway/dns/upstream-question.ts'
import { readQuery } from '../../gateway/dns/wire.ts'
import { query } from '../gateway/dns/client.ts'
import { FakeJob, hostname, policy } from '../gateway/dns/fake-job.ts'
import { reply } from '../gateway/dns/scripted-resolver.ts'
import { random } from './random.ts'

const seed = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_261_122)
const cases = Number(process.env['TIDEGATE_FUZZ_CASES'] ?? 150_000)
const below = random(seed)

const seeds: readonly Buffer[] = [
  query('npm.test', 1),
  query('npm.test', 28, { edns: { size: 4_096, dnssec: true } }),
  query('a.b.c.d.e.wild.test', 16, { edns: {} }),
  query('7.0.18.198.in-addr.arpa', 12),
  query('.', 2),
  query('x'.repeat(63), 255),
  reply(
    { name: 'npm.test', type: 1 },
    {
      answers: [
        { type: 5, domain: 'b.test' },
        { name: 'b.test', type: 1, address: '192.0.2.1' },
      ],
      authorities: [{ type: 2, ns: 'ns.test' }],
    },
  ),
  reply({ name: 'npm.test', type: 15 }, { answers: [{ type: 15, priority: 1, exchange: 'm.npm.test' }] }),
]
const interesting = [0, 1, 12, 41, 63, 64, 127, 128, 191, 192, 255]

/** A message that is nearly right: bytes changed, cut, repeated, put in; or nothing but noise. */
function mutant(): Buffer {
  if (below(20) === 0) return Buffer.from(Array.from({ length: below(80) }, () => below(256)))
  let message = Buffer.from(seeds[below(seeds.length)] ?? Buffer.alloc(0))
  for (let round = below(3); round > 0; round--) {
    const at = below(message.length + 1)
    switch (below(6)) {
      case 0:
      case 1:
        if (at < message.length) message[at] = below(256)
        break
      case 2:
        if (at < message.length) message[at] = interesting[below(interesting.length)] ?? 0
        break
      case 3:
        message = message.subarray(0, at)
        break
      case 4:
        message = Buffer.concat([message.subarray(0, at), Buffer.from([below(256), below(256)]), message.subarray(at)])
        break
      default:
        message = Buffer.concat([message, message.subarray(at, at + below(40))])
    }
  }
  return message
}

t.test(`readQuery(): ${cases} mutants, seed ${seed}`, async t => {
  const seen = { query: 0, fault: 0, silence: 0 }
  for (let index = 0; index < cases; index++) {
    const message = mutant()
    const reading = readQuery(message)
    seen[reading.kind] += 1
    if (reading.kind !== 'query') continue
    const { name, questionEnd, plain } = reading.query
    // Not t.ok(): an assertion for each case would cost more than the case.
    if (questionEnd > message.length || (plain && !/^[a-z0-9_.-]+$/.test(name))) t.fail(message.toString('hex'))
  }
  t.ok(
    Object.values(seen).every(count => count > cases / 100),
    JSON.stringify(seen),
  )
})

t.test(`readResponse(): ${cases} mutants, seed ${seed}`, async t => {
  const question = renderQuestion(hostname('npm.test'), 1)
  const seen = { answered: 0, malformed: 0, other: 0 }
  for (let index = 0; index < cases; index++) {
    const message = mutant()
    if (!answersQuestion(message, question)) {
      seen.other += 1
      continue
    }
    const answer = readResponse(message, question)
    seen[answer === undefined ? 'malformed' : 'answered'] += 1
    if (answer !== undefined && answer.ttl < 0) t.fail(message.toString('hex'))
  }
  t.ok(
    Object.values(seen).every(count => count > cases / 1_000),
    JSON.stringify(seen),
  )
})

t.test(`Responder: ${cases} mutants through the whole server, seed ${seed}`, async t => {
  const found: Existence = { outcome: 'exists', failure: undefined, expiresAt: Date.now() + 600_000, cached: true }
  const nothing: Finding = {
    rcode: 0,
    failure: undefined,
    addresses: [],
    records: undefined,
    expiresAt: 0,
    cached: true,
  }
  const upstream: UpstreamResolver = {
    exists: () => (below(4) === 0 ? Promise.resolve(found) : found),
    find: () => nothing,
    resolve: async () => [],
  }
  const job = new FakeJob(policy('block', 'allow: [npm.test, "**.wild.test"]'))
  job.openFlow = () => ({ sent: 0, received: 0, status: 0, note: () => undefined, [Symbol.dispose]: () => undefined })
  const limits = { ...questionLimits, perSecond: 1e9, reserve: 1e9 }
  const responder = new Responder({ jobFor: () => job, upstream, now: Date.now, limits, onAnswer: () => undefined })
  const destination = { address: '198.19.0.1', port: 53 }
  let answered = 0
  const check = (message: Buffer, port: number, answer: Buffer | undefined): void => {
    if (answer === undefined) return
    if (port === 0) t.fail(`port 0 was answered: ${message.toString('hex')}`)
    answered += 1
    const isReply = (answer[2] ?? 0) >= 0x80 && answer[0] === message[0] && answer[1] === message[1]
    if (!isReply || answer.length > 1_232) t.fail(message.toString('hex'))
  }
  for (let index = 0; index < cases; index++) {
    const message = mutant()
    const transport = below(2) === 0 ? 'udp' : 'tcp'
    const port = below(4)
    const answer = responder.respond(message, { transport, address: '198.19.0.2', port, destination })
    if (!(answer instanceof Promise)) check(message, port, answer)
    // One in a hundred is waited for, so that the others pile up as they would.
    else if (below(100) === 0) check(message, port, await answer)
    else void answer.then(late => check(message, port, late))
    if (index % 5_000 === 0) responder.flush(true)
  }
  responder.stop()
  t.ok(answered > cases / 3, `${answered} answered`)
})

t.test('readQuery(): the longest message there is costs microseconds, whatever is in it', async t => {
  const ladder = Buffer.alloc(65_535, 0)
  query('npm.test', 1).copy(ladder)
  ladder.writeUInt16BE(0xffff, 10)
  for (let at = 26; at + 2 <= ladder.length; at += 2) ladder.writeUInt16BE(0xc000 | (Math.max(12, at - 2) & 0x3fff), at)
  const before = process.cpuUsage()
  for (let round = 0; round < 1_000; round++) {
    readQuery(ladder)
    readQuery(ladder.subarray(0, 4_096))
  }
  const { user } = process.cpuUsage(before)
  t.ok(user / 1_000 < 1_000, `${user / 1_000} µs for each`)
})
