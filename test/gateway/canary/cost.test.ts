import { createHash, randomBytes } from 'node:crypto'
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

t.test('looking through a body costs no more than some SHA-256 of it', async t => {
  const bodies = { random: randomBytes(16_777_216), text: Buffer.from(randomBytes(12_582_912).toString('base64')) }
  for (const [name, bytes] of Object.entries(bodies)) {
    const ratios = Array.from({ length: 5 }, () => {
      const body = new BodyScan(matcher, '', () => t.fail('nothing is in it'))
      const hash = createHash('sha256')
      const [scan, sum] = [cost(bytes, part => body.push(part)), cost(bytes, part => hash.update(part))]
      return scan / sum
    }).toSorted((a, b) => a - b)
    // Measured: 2 to 4, where the processor has instructions for SHA-256.
    const median = ratios[2] ?? Infinity
    t.ok(median < 8, `${name}: ${median.toFixed(1)} times`)
    t.comment(`${name}: ${median.toFixed(1)} times SHA-256`)
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
