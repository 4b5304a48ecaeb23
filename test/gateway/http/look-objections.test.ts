// What becomes of HTTP/1 exchanges that somebody who looks at the job objects to.
import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Watcher } from '../insight/watcher.ts'
import { Harness, scripted } from './harness.ts'
import { framings, get, headed, hostField as h, never, ok, saying, twice, watched } from './look-rig.ts'

t.setTimeout(30_000)

const refused = (text: string): boolean => text.includes('tidegate: ')

t.test('a request that is objected to is not sent, and its connection is kept', async t => {
  const seen: string[] = []
  const origin = scripted(text => (headed(text) ? (seen.push(text), ok) : undefined))
  const watcher = new Watcher('request POST')
  await using harness = await watched('block', watcher, origin)
  const client = await harness.client()
  client.send(`POST /up HTTP/1.1\r\n${h}Content-Length: 6\r\n\r\nsecret${get}`)
  const text = await client.until(all => all.endsWith('good'))
  t.match(text, /^HTTP\/1.1 403 [^]*tidegate: [^]*HTTP\/1.1 200 OK/)
  t.strictSame(seen, [get], 'the origin has the next request only')
  t.match(await harness.job.recorded(2), [
    { path: '/up', verdict: 'deny', reason: 'denied-by-rule', rule: 'watched[0]', status: 403, bytesSent: 0 },
    { path: '/x', verdict: 'allow' },
  ])
  t.strictSame(watcher.calls.slice(0, 2), ['request POST /up allow', 'ended'], 'the body is not shown either')
})

t.test('a request that the rules deny is shown, and nothing can let it pass', async t => {
  const watcher = new Watcher()
  const harness = await Harness.open(policyOf('block', []), saying(ok))
  await using _open = harness
  harness.job.insight = watcher
  t.match(await harness.ask(get, refused), /^HTTP\/1.1 403 /)
  t.strictSame(watcher.calls, ['request GET /x?q=1 deny', 'ended'])
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', reason: 'no-rule' }])
})

t.test('a piece of a body that is objected to is not sent, nor what follows it', async t => {
  for (const [framing, first, second] of [
    ['Content-Length: 12', 'harmless', 'evil'],
    ['Transfer-Encoding: chunked', '8\r\nharmless\r\n', '4\r\nevil\r\n0\r\n\r\n'],
  ] as const) {
    let received = ''
    const watcher = new Watcher('sending evil')
    await using harness = await watched('block', watcher, socket => {
      socket.setEncoding('latin1').on('data', (text: string) => (received += text))
    })
    const client = await harness.client()
    client.send(`POST / HTTP/1.1\r\n${h}${framing}\r\n\r\n${first}`)
    await watcher.saw('sending harmless')
    client.send(`${second}${get}`)
    t.match(await client.until(never), /^HTTP\/1.1 403 [^]*tidegate: /, 'a sentence, and the end')
    t.notMatch(received, 'evil', framing)
    t.notMatch(received, 'GET', 'what comes after half a request is none')
    t.match(await harness.job.recorded(1), [
      { verdict: 'deny', reason: 'denied-by-rule', rule: 'watched[0]', status: 403 },
    ])
    t.equal(watcher.calls.filter(call => call.startsWith('request')).length, 1)
  }
})

t.test('after 100 Continue there is still a sentence', async t => {
  const watcher = new Watcher('sending evil')
  await using harness = await watched('block', watcher, saying('HTTP/1.1 100 Continue\r\n\r\n'))
  const client = await harness.client()
  client.send(`PUT / HTTP/1.1\r\n${h}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n`)
  await client.until(headed)
  client.send('evil')
  t.match(await client.until(never), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 403 [^]*tidegate: /)
})

t.test('an answer whose head is objected to is not seen by the client', async t => {
  const watcher = new Watcher('answered 200')
  await using harness = await watched('block', watcher, saying(ok))
  const text = await harness.ask(get, never)
  t.match(text, /^HTTP\/1.1 403 [^]*tidegate: /)
  t.notMatch(text, 'good')
  t.strictSame(watcher.calls.slice(-2), ['answered 200', 'ended'])
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', reason: 'denied-by-rule', status: 403 }])
})

for (const [name, head, first, second, ends] of framings) {
  t.test(`${name}: a piece that is objected to does not reach the client`, async t => {
    for (const point of ['receiving two', 'received']) {
      const watcher = new Watcher(point)
      await using harness = await watched('block', watcher, twice(watcher, head, first, second, ends))
      const client = await harness.client()
      client.send(get)
      const text = await client.until(never)
      t.ok(text.startsWith(head + first), 'what went before was passed on')
      if (name === 'the end of the connection') t.notOk(client.ended, 'broken, not ended')
      else t.notMatch(text, 'two')
      t.notMatch(text, '0\r\n\r\n')
      await watcher.saw('ended')
      t.match(await harness.job.recorded(1), [
        { verdict: 'deny', reason: 'denied-by-rule', rule: 'watched[0]', status: 200 },
      ])
    }
  })

  t.test(`${name}: in audit everything passes, and is observed`, async t => {
    for (const point of ['request', 'answered', 'receiving one', 'receiving two', 'received']) {
      const watcher = new Watcher(point)
      await using harness = await watched('audit', watcher, twice(watcher, head, first, second, ends))
      const text = await harness.ask(get, all => all === head + first + second)
      t.equal(text, head + first + second, point)
      t.match(await harness.job.recorded(1), [
        { verdict: 'observe', reason: 'denied-by-rule', rule: 'watched[0]', status: 200 },
      ])
      t.strictSame(watcher.calls.slice(1), ['answered 200', 'receiving one,', 'receiving two', 'received', 'ended'])
    }
  })
}

t.test('in audit a body that is objected to is sent whole', async t => {
  let received = ''
  const watcher = new Watcher('sending')
  await using harness = await watched('audit', watcher, socket => {
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      if (received.endsWith('evil')) socket.write(ok)
    })
  })
  t.equal(await harness.ask(`POST / HTTP/1.1\r\n${h}Content-Length: 4\r\n\r\nevil`, all => all.endsWith('good')), ok)
  t.ok(received.endsWith('evil'))
  t.match(await harness.job.recorded(1), [{ verdict: 'observe', reason: 'denied-by-rule', rule: 'watched[0]' }])
})

t.test('what is refused after it was observed stays refused', async t => {
  const watcher = new Watcher('receiving one')
  const [, head, first] = framings[0]
  await using harness = await watched('audit', watcher, twice(watcher, head, first, '', false))
  const client = await harness.client()
  client.send(get)
  await client.until(text => text === head + first)
  harness.job.policy = policyOf('block', [])
  await client.until(never)
  t.match(await harness.job.recorded(1), [{ verdict: 'deny', reason: 'no-rule', error: 'POLICY_CHANGED' }])
})
