import t from 'tap'
import { readClientHello } from '../../gateway/door/client-hello.ts'
import { readOpening, settleOpening } from '../../gateway/door/opening.ts'
import { hello, helloMessage, realHellos, records } from '../gateway/door/hello.ts'
import { random } from './random.ts'

const seed = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_261_122)
const rounds = Number(process.env['TIDEGATE_FUZZ_ROUNDS'] ?? 400_000)
const made = [
  hello({ name: 'a.example.com', alpn: ['h2', 'http/1.1'] }),
  records(helloMessage({ name: 'a.example.com', extensions: [[51, Buffer.alloc(1200)]] }), 90),
  hello({ bare: true }),
  Buffer.from('GET / HTTP/1.1\r\nHost: a.example.com\r\n\r\n'),
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
]

/** What must hold for any bytes: an answer, in bounds, and a name only in its canonical form. */
function fault(bytes: Buffer): string | undefined {
  const read = readOpening(bytes)
  if (read.kind === 'incomplete' && read.need <= bytes.length) return `needs ${read.need} of ${bytes.length}`
  if (read.kind === 'tls' && read.hello.serverName.kind === 'name') {
    const { host } = read.hello.serverName
    if (!/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(host) || host.length > 253) return `name ${JSON.stringify(host)}`
    if (!bytes.toString('latin1').toLowerCase().includes(host.slice(0, 1))) return `name ${host} out of nowhere`
  }
  return settleOpening(bytes).kind === 'silent' && bytes.length > 0 ? 'bytes are not silence' : undefined
}

t.test(
  `readOpening(): ${rounds} mutated and random openings never throw or break their promises (seed ${seed})`,
  async t => {
    const next = random(seed)
    const corpus = [...made, ...(await realHellos()).values()]
    const pick = (): Buffer => corpus[next(corpus.length)] ?? Buffer.alloc(0)
    const mutate = (): Buffer => {
      const bytes = Buffer.from(pick())
      for (let changes = 1 + next(4); changes > 0; changes -= 1) {
        const at = next(bytes.length)
        const kind = next(4)
        if (kind === 0) bytes[at] = next(256)
        else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8))
        else if (kind === 2) bytes.writeUInt16BE(next(65_536), Math.min(at, bytes.length - 2))
        else bytes.copyWithin(at, next(bytes.length))
      }
      return bytes
    }
    const makers: readonly (() => Buffer)[] = [
      mutate,
      mutate,
      mutate,
      () => mutate().subarray(0, next(400)),
      () => Buffer.concat([mutate().subarray(0, next(200)), pick().subarray(next(100))]),
      () => Buffer.from(Array.from({ length: next(60) }, () => next(256))),
      () =>
        Buffer.concat([Buffer.from([22, 3, next(5)]), Buffer.from(Array.from({ length: next(80) }, () => next(256)))]),
    ]
    const kinds = new Map<string, number>()
    for (let round = 0; round < rounds; round += 1) {
      const bytes = (makers[round % makers.length] ?? mutate)()
      const broken = fault(bytes)
      if (broken !== undefined) t.fail(`${broken}: ${bytes.toString('hex')}`)
      const { kind } = readOpening(bytes)
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    // A fuzzer that only ever makes rubbish tests nothing.
    for (const kind of ['tls', 'broken-tls', 'http1', 'other', 'incomplete']) {
      t.ok((kinds.get(kind) ?? 0) > rounds / 1000, `${kinds.get(kind) ?? 0} were ${kind}`)
    }
  },
)

t.test(
  'readClientHello(): every cut of every hello is incomplete, and the whole is the same in any records',
  async t => {
    for (const [client, bytes] of await realHellos()) {
      for (let length = 0; length < bytes.length; length += 1) {
        const { status } = readClientHello(bytes.subarray(0, length))
        if (status !== 'incomplete') t.fail(`${client}: ${status} after ${length} bytes`)
      }
      const message = bytes.subarray(5)
      const whole = readClientHello(bytes)
      for (const size of [2, 3, 64, 500])
        t.strictSame(readClientHello(records(message, size)), whole, `${client} by ${size}`)
    }
  },
)
