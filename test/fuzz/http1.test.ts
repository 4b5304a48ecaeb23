import t from 'tap'
import { defaultHttpLimits } from '../../gateway/http/context.ts'
import { BodyFrame } from '../../gateway/http/framing.ts'
import { readRequestHead, readResponseHead } from '../../gateway/http/head.ts'
import { request, response, seeded } from './http1-generator.ts'
import { readAsNode } from './http1-node-parser.ts'

const cases = Number(process.env['TIDEGATE_FUZZ_CASES'] ?? 300_000)
const seed = Number(process.env['TIDEGATE_FUZZ_SEED'] ?? 20_260_101)
const bounds = {
  maxHead: defaultHttpLimits.maxRequestHead,
  maxLine: defaultHttpLimits.maxLine,
  maxFields: defaultHttpLimits.maxFields,
}

/** Node refuses more where nothing can be smuggled: methods it does not know, and octets above 127 in targets, which clients do send. */
const stricterThere = new Set(['HPE_INVALID_METHOD', 'HPE_INVALID_URL'])

interface Framed {
  readonly complete: boolean
  readonly bodyLength: number
}

/** What our framing makes of the body of a message whose head ends at `end`; undefined when broken. */
function frame(
  kind: 'none' | 'length' | 'chunked' | 'until-close',
  length: number,
  bytes: Buffer,
  end: number,
): Framed | undefined {
  const body = new BodyFrame()
  body.begin(kind, length)
  body.take(bytes, end)
  return body.broken ? undefined : { complete: body.done, bodyLength: body.payload }
}

t.test(
  `readRequestHead() and BodyFrame: whatever we take, Node takes, and frames alike (${cases} cases, seed ${seed})`,
  async t => {
    const pick = seeded(seed)
    let taken = 0
    for (let index = 0; index < cases; index += 1) {
      const bytes = request(pick)
      const head = readRequestHead(bytes, bounds)
      if (head.fault !== undefined || head.end === 0) continue
      const ours = frame(head.bodyKind, head.contentLength, bytes, head.end)
      if (ours === undefined) continue
      taken += 1
      const theirs = readAsNode('request', bytes)
      const [first] = theirs.messages
      // Node may stumble over the next message; that is judged when it is its turn.
      const isRefused = theirs.error !== undefined && first === undefined
      if (isRefused && stricterThere.has(theirs.error ?? '')) continue
      const alike =
        first?.target === head.target && first.bodyLength === ours.bodyLength && first.complete === ours.complete
      if (isRefused || !alike) {
        t.fail(`case ${index}`, { bytes: bytes.toString('latin1'), ours: { target: head.target, ...ours }, theirs })
        return
      }
    }
    t.ok(taken > cases / 20, `${taken} of ${cases} were taken: the generator still makes good requests`)
  },
)

t.test(
  `readResponseHead() and BodyFrame: whatever we take, Node takes, and frames alike (${cases} cases, seed ${seed})`,
  async t => {
    const pick = seeded(seed + 1)
    let taken = 0
    for (let index = 0; index < cases; index += 1) {
      const bytes = response(pick)
      const head = readResponseHead(bytes, bounds)
      if (head.fault !== undefined || head.end === 0 || head.status < 200) continue
      const kind =
        head.status === 204 || head.status === 304
          ? 'none'
          : head.chunked
            ? 'chunked'
            : head.contentLength >= 0
              ? 'length'
              : 'until-close'
      const ours = frame(kind, head.contentLength, bytes, head.end)
      if (ours === undefined) continue
      taken += 1
      const theirs = readAsNode('response', bytes)
      const [first] = theirs.messages
      const alike =
        first?.status === head.status && first.bodyLength === ours.bodyLength && first.complete === ours.complete
      if (!alike && !(theirs.error !== undefined && stricterThere.has(theirs.error))) {
        t.fail(`case ${index}`, { bytes: bytes.toString('latin1'), ours: { status: head.status, ...ours }, theirs })
        return
      }
    }
    t.ok(taken > cases / 20, `${taken} of ${cases} were taken: the generator still makes good answers`)
  },
)

t.test(
  'readRequestHead(): garbage is refused or incomplete, never an exception, and never beyond its bytes',
  async t => {
    const pick = seeded(seed + 2)
    for (let index = 0; index < cases / 10; index += 1) {
      const bytes = Buffer.alloc(pick(200))
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = pick(256)
      const head = readRequestHead(bytes, bounds)
      if (head.fault === undefined && head.end > bytes.length) t.fail(`case ${index}`)
    }
    t.pass('held for every case')
  },
)
