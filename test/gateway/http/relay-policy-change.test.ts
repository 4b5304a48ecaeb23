import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness, scripted } from './harness.ts'

const host = 'api.example.test'
const open = policyOf('block', [`http://${host}`, `ws://${host}`])
const closed = policyOf('block', [])
const get = `GET /a HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A policy with another object but the same rules. */
const same = (): typeof open => policyOf('block', [`http://${host}`, `ws://${host}`])

t.test('relayHttp1(): N19: between two requests nothing is cut, and the next is decided by the new policy', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => whole),
  )
  const client = await harness.client()
  client.send(get)
  await client.until(text => text.endsWith('ok'))
  harness.job.policy = closed
  client.send(get)
  const text = await client.until(seen => seen.includes('403'))
  t.match(text, /HTTP\/1.1 403 Forbidden/)
  t.match(await harness.job.recorded(2), [
    { verdict: 'allow', error: undefined },
    { verdict: 'deny', reason: 'no-rule', error: undefined },
  ])
})

t.test('relayHttp1(): N19: a request that waits for its answer is cut with the sentence', async t => {
  const asked = Promise.withResolvers<void>()
  await using harness = await Harness.open(
    open,
    scripted(() => {
      asked.resolve()
      return undefined
    }),
  )
  const client = await harness.client()
  client.send(get)
  await asked.promise
  harness.job.policy = closed
  t.match(await client.until(() => false), /HTTP\/1.1 403 Forbidden[^]*reason no-rule/)
  t.match(await harness.job.recorded(1), [
    {
      verdict: 'deny',
      reason: 'no-rule',
      rule: 'no rule',
      error: 'POLICY_CHANGED',
      status: 403,
      bytesSent: get.length,
    },
  ])
  t.ok(harness.accepted[0]?.destroyed || harness.accepted[0]?.readableEnded, 'the origin is left')
})

t.test('relayHttp1(): N19: half an answer is cut short, and the origin is left', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
  )
  const client = await harness.client()
  client.send(get)
  await client.until(text => text.endsWith('half'))
  harness.job.policy = policyOf('block', [`http://${host}`, `deny http://${host}/a`])
  t.match(await client.until(() => false), /half$/)
  t.match(await harness.job.recorded(1), [
    {
      verdict: 'deny',
      reason: 'denied-by-rule',
      rule: `deny[0] http://${host}/a`,
      error: 'POLICY_CHANGED',
      status: 200,
    },
  ])
})

t.test('relayHttp1(): N19: a body that is being sent is cut', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => undefined),
  )
  const client = await harness.client()
  client.send(`POST /up HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\nabc`)
  while (harness.accepted.length === 0) await new Promise(resolve => setImmediate(resolve))
  harness.job.policy = policyOf('block', [`GET http://${host}`])
  t.match(await client.until(() => false), /HTTP\/1.1 403 Forbidden[^]*reason method/)
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', reason: 'method', error: 'POLICY_CHANGED' }])
})

t.test('relayHttp1(): N19: a new limit holds for a body that is under way', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => undefined),
  )
  const client = await harness.client()
  client.send(`POST /up HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n`)
  while (harness.accepted.length === 0) await new Promise(resolve => setImmediate(resolve))
  harness.job.policy = policyOf('block', [], `allow:\n  - { to: "http://${host}", maxRequestBytes: 8 }\n`)
  t.equal(client.text, '', 'five bytes of eight may go on')
  client.send('5\r\n67890\r\n')
  t.match(await client.until(() => false), /HTTP\/1.1 413 /)
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', reason: 'too-large' }])
})

t.test('relayHttp1(): N19: a WebSocket is cut, though nothing moves on it', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
  )
  const client = await harness.client()
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  client.send(
    `GET /chat HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  t.match(await client.until(text => text.includes('\r\n\r\n')), / 101 /)
  harness.job.policy = same()
  harness.job.policy = policyOf('block', [`http://${host}`])
  await client.until(() => false)
  t.match(await harness.job.recorded(1), [
    { protocol: 'websocket', verdict: 'deny', reason: 'upgrade', error: 'POLICY_CHANGED' },
  ])
})

t.test('relayHttp1(): N19: what is carried unread in audit is cut when the policy blocks', async t => {
  await using harness = await Harness.open(
    policyOf('audit', [`http://${host}`]),
    scripted(received => received),
  )
  const client = await harness.client()
  client.send('GET / HTTP/1.1\r\nbare\n\r\n\r\n')
  await client.until(text => text.includes('bare'))
  harness.job.policy = open
  await client.until(() => false)
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', reason: 'malformed', error: 'POLICY_CHANGED' }])
})

t.test('relayHttp1(): N19: what the new policy allows as well goes on', async t => {
  const asked = Promise.withResolvers<void>()
  await using harness = await Harness.open(
    open,
    scripted((_received, socket) => {
      asked.resolve()
      socket.once('drain', () => undefined)
      return undefined
    }),
  )
  const client = await harness.client()
  client.send(get)
  await asked.promise
  harness.job.policy = same()
  harness.accepted[0]?.write(whole)
  t.match(await client.until(text => text.endsWith('ok')), /200 OK/)
  t.match(await harness.job.recorded(1), [{ verdict: 'allow', error: undefined }])
})

t.test('relayHttp1(): N19: a connection to a range that was closed is not used again', async t => {
  const opened = policyOf('block', [`http://${host}`], 'private: [10.0.0.0/8]\n')
  await using harness = await Harness.open(
    opened,
    scripted(() => whole),
    { resolved: ['10.0.0.7'] },
  )
  const client = await harness.client()
  client.send(get)
  await client.until(text => text.endsWith('ok'))
  harness.job.policy = open
  client.send(get)
  t.match(await client.until(text => text.includes('403')), /reason private-address/)
  t.equal(harness.accepted.length, 1)
})

t.test('relayHttp1(): N19: a request that waits for its origin is decided again before it is sent', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => whole),
  )
  const client = await harness.client()
  client.send(get)
  while (harness.job.open === 0) await new Promise(resolve => setImmediate(resolve))
  harness.job.policy = closed
  t.match(await client.until(text => text.includes('403')), /reason no-rule/)
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', bytesSent: 0, error: 'POLICY_CHANGED' }])
})

t.test('relayHttp1(): a closed connection looks at no policy any more', async t => {
  await using harness = await Harness.open(
    open,
    scripted(() => whole),
  )
  const client = await harness.client()
  client.send(get)
  await client.until(text => text.endsWith('ok'))
  t.equal(harness.job.looking, 1)
  client.socket.end()
  await Promise.all(harness.relays)
  t.equal(harness.job.looking, 0)
})
