import { randomBytes } from 'node:crypto'
import t from 'tap'
import { BodyScan } from '../../../gateway/canary/body-scan.ts'
import { matcher } from './canaries.ts'

/** As TLS hands it over. */
const piece = 16_384

/** Processor time of one run over all pieces, milliseconds. */
function cost(bytes: Buffer, each: (part: Buffer) => unknown): number {
  const before = process.cpuUsage()
  for (let at = 0; at < bytes.length; at += piece) each(bytes.subarray(at, at + piece))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

const table = Uint32Array.from({ length: 4_096 }, (_, at) => Math.imul(at, 0x9e3779b1))
let state = 0

/** The least that code here can do with each byte: one step to the next state, by a table. */
function step(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 1) state = (table[(state ^ (bytes[at] ?? 0)) & 4_095] ?? 0) ^ (state >>> 8)
}

t.test('looking through a body costs less than two steps for each byte', async t => {
  const bodies = { random: randomBytes(16_777_216), text: Buffer.from(randomBytes(12_582_912).toString('base64')) }
  for (const [name, bytes] of Object.entries(bodies)) {
    const rounds = Array.from({ length: 5 }, () => {
      const body = new BodyScan(matcher, '', () => t.fail('nothing is in it'))
      return { scan: cost(bytes, part => body.push(part)), steps: cost(bytes, step) }
    })
    // Measured: 0.5. The least of each: whatever else the machine does only adds to it.
    const ratio = Math.min(...rounds.map(({ scan }) => scan)) / Math.min(...rounds.map(({ steps }) => steps))
    t.ok(ratio < 2, `${name}: ${ratio.toFixed(1)} times`)
    t.comment(`${name}: ${ratio.toFixed(1)} times a step for each byte`)
  }
})

t.test('what one body holds in memory does not grow with it', async t => {
  const body = new BodyScan(matcher, '', () => t.fail('nothing is in it'))
  const part = randomBytes(1_048_576)
  for (let round = 0; round < 20; round += 1) body.push(part)
  const before = process.memoryUsage().arrayBuffers
  for (let round = 0; round < 200; round += 1) body.push(part)
  t.ok(process.memoryUsage().arrayBuffers - before < 8_388_608, 'after 200 MiB')
})
