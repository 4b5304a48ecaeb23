import { createHash } from 'node:crypto'
import { deflateRawSync, gzipSync, inflateRawSync } from 'node:zlib'
import t from 'tap'
import { BodyScan } from '../../gateway/canary/body-scan.ts'
import { parseCanaryFile, renderCanaryFile } from '../../gateway/canary/canary-file.ts'
import { makeDecoys } from '../../gateway/canary/decoys.ts'
import { patternsOf, patternsOfNames } from '../../gateway/canary/encodings.ts'
import { Inflate } from '../../gateway/canary/inflate.ts'
import { Matcher } from '../../gateway/canary/matcher.ts'
import { NameScan } from '../../gateway/canary/name-scan.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { random } from './random.ts'

const seed = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_261_123)
const rounds = Number(process.env['TIDEGATE_FUZZ_ROUNDS'] ?? 20_000)
const next = random(seed)
const { canaries } = makeDecoys(createHash('sha256').update('fuzz').digest())
const matcher = new Matcher(patternsOf(canaries))

/** Everything that an unpacker could be led by, then changed a little. */
const corpus = [
  Buffer.from('the build the build the build of a job, and what it printed'),
  Buffer.from(Array.from({ length: 900 }, () => next(256))),
  Buffer.alloc(3_000),
  Buffer.from(canaries.map(({ value }) => value).join('\n')),
]
const packed = corpus.flatMap(bytes => [
  ...[0, 1, 9].map(level => deflateRawSync(bytes, { level })),
  ...[2, 3, 4].map(strategy => deflateRawSync(bytes, { strategy })),
])

function pick(from: readonly Buffer[]): Buffer {
  return from[next(from.length)] ?? Buffer.alloc(0)
}

function mutated(source: Buffer): Buffer {
  const bytes = Buffer.from(source)
  for (let changes = next(4); changes > 0 && bytes.length > 0; changes -= 1) {
    const at = next(bytes.length)
    if (next(2) === 0) bytes[at] = next(256)
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << next(8))
  }
  return next(4) === 0 ? bytes.subarray(0, next(bytes.length + 1)) : bytes
}

t.test(
  `Inflate: ${rounds} broken streams never throw, and agree with zlib on what they hold (seed ${seed})`,
  async t => {
    let whole = 0
    for (let round = 0; round < rounds; round += 1) {
      const bytes = mutated(pick(packed))
      const parts: Buffer[] = []
      const it = new Inflate(part => parts.push(Buffer.from(part)))
      const size = 1 + next(200)
      for (let at = 0; at < bytes.length && !it.isOver && !it.isBroken; at += size)
        it.push(bytes.subarray(at, at + size), 1_000_000)
      let expected: Buffer | undefined
      try {
        expected = inflateRawSync(bytes, { maxOutputLength: 10_000_000 })
      } catch {
        // Broken, or cut short.
      }
      const ours = Buffer.concat(parts)
      if (it.isOver !== (expected !== undefined) || (expected !== undefined && !ours.equals(expected)))
        t.fail(`round ${round}: ${bytes.toString('hex').slice(0, 400)}`)
      if (expected !== undefined) whole += 1
    }
    t.ok(whole > rounds / 10 && whole < rounds, `${whole} were whole after all`)
  },
)

t.test(
  `BodyScan: ${rounds / 10} bodies of anything never throw, and hold what plain search finds (seed ${seed})`,
  async t => {
    for (let round = 0; round < rounds / 10; round += 1) {
      const pieces = Array.from({ length: 1 + next(6) }, () => {
        const kind = next(4)
        if (kind === 0) return mutated(gzipSync(pick(corpus)))
        if (kind === 1) return Buffer.from([31, 139, 8, next(64)])
        return kind === 2 ? mutated(pick(corpus)) : Buffer.from(Array.from({ length: next(60) }, () => next(256)))
      })
      const body = Buffer.concat(pieces)
      const seen = new Set<string>()
      const coding = ['', 'gzip', 'deflate', 'br', 'zstd'][next(5)] ?? ''
      const it = new BodyScan(matcher, coding, ({ canary, packed: isPacked }) => {
        if (!isPacked) seen.add(canary.value)
      })
      const size = 1 + next(body.length + 1)
      for (let at = 0; at < body.length; at += size) it.push(body.subarray(at, at + size))
      it.end()
      for (const { value } of canaries) if (body.includes(value) && !seen.has(value)) t.fail(`round ${round}: ${value}`)
    }
    t.pass('held')
  },
)

t.test(`NameScan: ${rounds} strange names never throw (seed ${seed})`, async t => {
  const scan = new NameScan(new Matcher(patternsOfNames(canaries)))
  let found = 0
  for (let round = 0; round < rounds; round += 1) {
    const labels = Array.from({ length: next(9) }, () =>
      Array.from({ length: next(64) }, () => String.fromCharCode(next(next(8) === 0 ? 256 : 128))).join(''),
    )
    scan.look(labels.join('.'), () => (found += 1))
  }
  t.equal(found, 0)
})

t.test(`parseCanaryFile(): ${rounds / 10} broken files are one clear error each (seed ${seed})`, async t => {
  const file = Buffer.from(renderCanaryFile('job', Buffer.alloc(32, 7)))
  for (let round = 0; round < rounds / 10; round += 1) {
    try {
      const { seed: read } = parseCanaryFile(mutated(file).toString('latin1'), 'canaries.json')
      if (read.length !== 32) t.fail(`round ${round}: a seed of ${read.length}`)
    } catch (cause) {
      if (!(cause instanceof GatewayError) || cause.code !== 'LOG_INVALID') t.fail(`round ${round}: ${String(cause)}`)
    }
  }
  t.pass('held')
})
