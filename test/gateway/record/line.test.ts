import * as fc from 'fast-check'
import t from 'tap'
import { quote, renderLine, zeroHash } from '../../../gateway/record/line.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import { faultsOfLine } from '../../schema.ts'
import { flowEvents } from './arbitrary-event.ts'

await t.test('renderLine(): fields stand in the order of docs/log.md', async t => {
  const process = { pid: 7, exe: '/usr/bin/curl', command: 'curl a', uid: 0, parents: ['/bin/sh'] }
  const line = renderLine(
    {
      layer: 'http',
      startedAt: 1_234.9,
      flow: 'f-1',
      host: 'a.test',
      address: '192.0.2.1',
      port: 443,
      protocol: 'h2',
      method: 'GET',
      path: '/',
      status: 200,
      verdict: 'allow',
      reason: 'rule',
      rule: 'allow[0] a.test',
      inspected: true,
      bytesSent: 1,
      bytesReceived: 2,
      durationMs: 1.234_567,
      process,
      error: 'UPSTREAM_TIMEOUT',
    },
    5,
    quote('job'),
    zeroHash,
  )
  t.equal(
    line,
    '{"v":1,"seq":5,"time":"1970-01-01T00:00:01.234Z","job":"job","flow":"f-1","layer":"http","host":"a.test",' +
      '"address":"192.0.2.1","port":443,"protocol":"h2","method":"GET","path":"/","status":200,"verdict":"allow",' +
      '"reason":"rule","rule":"allow[0] a.test","inspected":true,"bytesSent":1,"bytesReceived":2,"durationMs":1.235,' +
      '"process":{"pid":7,"exe":"/usr/bin/curl","command":"curl a","uid":0,"parents":["/bin/sh"]},' +
      `"error":"UPSTREAM_TIMEOUT","prev":"${zeroHash}"}`,
  )
})

await t.test('renderLine(): any event is one line of printable ASCII that the schema takes', async t => {
  fc.assert(
    fc.property(flowEvents, fc.nat(), (event, seq) => {
      const line = renderLine(redactEvent(event), seq, quote('job'), zeroHash)
      if (!/^[\x20-\x7e]+$/.test(line) || line.length > 32_768) return false
      const faults = faultsOfLine(line)
      if (faults !== '') throw new Error(faults)
      return true
    }),
    { numRuns: 2_000 },
  )
  t.pass('held for every generated event')
})

await t.test('renderLine(): reads back as the event it was', async t => {
  fc.assert(
    fc.property(flowEvents, event => {
      const clean = redactEvent(event)
      const {
        v: _v,
        seq: _seq,
        time,
        job: _job,
        prev: _prev,
        durationMs: _d,
        ...read
      } = JSON.parse(renderLine(clean, 0, '"j"', zeroHash))
      const { startedAt, durationMs: _duration, ...wrote } = clean
      t.same(read, wrote)
      t.equal(Date.parse(time), Math.floor(startedAt))
    }),
  )
})

await t.test('renderLine(): a number that is none is left out', async t => {
  const line = renderLine({ layer: 'tcp', startedAt: 0, durationMs: Number.NaN, bytesSent: 1 }, 0, '"j"', zeroHash)
  t.notMatch(line, 'durationMs')
  t.match(line, '"bytesSent":1')
})
