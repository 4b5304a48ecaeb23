import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { openAdmin } from '../../../gateway/observe/admin.ts'
import { logSink, openLogger } from '../../../gateway/observe/logger.ts'
import { openMetrics } from '../../../gateway/observe/metrics.ts'

const signal = new AbortController().signal
const metrics = openMetrics('1.2.3')
let missing: readonly string[] = []
const admin = await openAdmin({ host: '127.0.0.1', port: 0, metrics, notReady: () => missing }, signal)
t.teardown(() => admin[Symbol.asyncDispose]())
const at = (path: string): string => `http://127.0.0.1:${admin.port}${path}`

const cases: readonly [string, string, RequestInit, number, RegExp][] = [
  ['/metrics is Prometheus text', '/metrics', {}, 200, /^# HELP tidegate_/],
  [
    '/metrics is OpenMetrics when that is asked for',
    '/metrics',
    { headers: { accept: 'application/openmetrics-text; version=1.0.0' } },
    200,
    /# EOF\n$/,
  ],
  ['/healthz says ok', '/healthz', {}, 200, /^ok\n$/],
  ['/readyz says ready', '/readyz', {}, 200, /^ready\n$/],
  ['HEAD has no body', '/healthz', { method: 'HEAD' }, 200, /^$/],
  ['POST is refused', '/metrics', { method: 'POST', body: 'x' }, 405, /^GET or HEAD\n$/],
  ['another path is not there', '/debug', {}, 404, /\/metrics/],
]
for (const [name, path, init, status, body] of cases) {
  await t.test(`openAdmin(): ${name}`, async t => {
    const response = await fetch(at(path), init)
    t.equal(response.status, status)
    t.match(await response.text(), body)
  })
}

await t.test('openAdmin(): /readyz is 503 and says what is missing, when something is', async t => {
  missing = ['the wire is not proved']
  const response = await fetch(at('/readyz'))
  missing = []
  t.equal(response.status, 503)
  t.match(await response.text(), 'the wire is not proved')
})

await t.test('openAdmin(): a port that is taken is PORT_IN_USE', async t => {
  await t.rejects(openAdmin({ host: '127.0.0.1', port: admin.port, metrics, notReady: () => [] }, signal), {
    code: 'PORT_IN_USE',
  })
})

await t.test('openAdmin(): disposing ends open connections', async t => {
  const other = await openAdmin({ host: '127.0.0.1', port: 0, metrics, notReady: () => [] }, signal)
  const socket = connect(other.port, '127.0.0.1')
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  socket.on('error', () => undefined)
  socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'data')
  await other[Symbol.asyncDispose]()
  await closed
  t.pass('closed')
})

await t.test('logSink(): a refusal is a warning, an allowed flow is not shown at info', async t => {
  const lines: string[] = []
  const sink = logSink(openLogger('info', { write: line => void lines.push(line) }))
  sink.write({ layer: 'dns', startedAt: 0, host: 'a.test', verdict: 'deny', reason: 'no-rule' })
  sink.write({ layer: 'dns', startedAt: 0, host: 'b.test', verdict: 'allow', reason: 'rule' })
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { level: 'warn', msg: 'egress', host: 'a.test', verdict: 'deny' })
})
