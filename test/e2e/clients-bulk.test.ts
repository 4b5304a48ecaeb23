import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { patternDigest } from '../lab/origins/pattern.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy } from './behind.ts'
import { linesFor } from './record-check.ts'
import { runSteps } from './steps.ts'

t.setTimeout(180_000)

const gigabyte = 1_073_741_824
const pattern = new URL('clients/pattern.ts', import.meta.url).pathname

await t.test('a gigabyte each way, byte for byte', { skip: whyNoLab() }, async t => {
  await using lab = await openLab({ uplink: false })
  const digest = patternDigest(gigabyte)

  await t.test('up over HTTP/1.1, chunked, in block', async t => {
    const run = await runSteps(lab, {
      policy: blockPolicy(['PUT https://h1.acme.test/upload']),
      stepSeconds: 120,
      timeoutMs: 150_000,
      steps: {
        up: `'${process.execPath}' '${pattern}' ${gigabyte} | curl -sS --http1.1 -T - https://h1.acme.test/upload`,
      },
    })
    t.strictSame(JSON.parse(run.step('up').stdout || '{}'), { length: gigabyte, sha256: digest }, run.step('up').stderr)
    const [line, ...more] = linesFor(run.lines, 'h1.acme.test', { layer: 'http' })
    t.match(line, { method: 'PUT', path: '/upload', status: 200, verdict: 'allow', inspected: true })
    t.ok((line?.bytesSent ?? 0) > gigabyte, 'the line has the bytes')
    t.strictSame(more, [])
  })

  await t.test('down over HTTP/2, in audit', async t => {
    const run = await runSteps(lab, {
      policy: auditPolicy,
      stepSeconds: 120,
      timeoutMs: 150_000,
      steps: { down: `curl -sS --http2 https://h2.acme.test/bytes/${gigabyte} | sha256sum` },
    })
    t.equal(run.step('down').stdout.split(' ')[0], digest, run.step('down').stderr)
    const [line, ...more] = linesFor(run.lines, 'h2.acme.test', { layer: 'http' })
    t.match(line, { protocol: 'h2', status: 200, verdict: 'observe', reason: 'no-rule', inspected: true })
    t.ok((line?.bytesReceived ?? 0) >= gigabyte, 'the line has the bytes')
    t.strictSame(more, [])
  })
})
