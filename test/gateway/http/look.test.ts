// What those who look at a job are shown of HTTP/1. What becomes of objections: look-objections.test.ts; HTTP/2: look-h2.test.ts.
import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Watcher } from '../insight/watcher.ts'
import { Harness, scripted } from './harness.ts'
import { get, headed, hostField as h, never, ok, rules, saying, watched } from './look-rig.ts'

t.setTimeout(30_000)

t.test('an exchange is shown in order, bodies as payload', async t => {
  const answers: readonly (readonly [name: string, answer: string, ends: boolean])[] = [
    ['with a length', ok, false],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\ngood\r\n0\r\nT: 1\r\n\r\n', false],
    ['until the connection ends', 'HTTP/1.1 200 OK\r\n\r\ngood', true],
  ]
  for (const [name, answer, ends] of answers) {
    const watcher = new Watcher()
    await using harness = await watched(
      'block',
      watcher,
      saying(answer, { ends, isWhole: text => text.endsWith('0\r\n\r\n') }),
    )
    const text = await harness.ask(
      `POST /x?q=1 HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\nX-A: \t \xa0v\xa0 \r\nx-a: w\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
      all => all === answer,
    )
    t.equal(text, answer, name)
    await watcher.saw('ended')
    t.strictSame(
      watcher.calls,
      ['request POST /x?q=1 allow', 'sending abc', 'sending de', 'answered 200', 'receiving good', 'received', 'ended'],
      name,
    )
    const [seen] = watcher.requests
    t.match(seen, { scheme: 'http', host: 'api.example.test', port: 80, path: '/x', flow: 'flow-dns' })
    t.equal(seen?.fields.get('x-a'), '\xa0v\xa0', 'only white space is taken off a value')
    t.strictSame(
      [...(seen?.fields.entries() ?? [])].filter(([field]) => field === 'x-a'),
      [
        ['x-a', '\xa0v\xa0'],
        ['x-a', 'w'],
      ],
    )
  }
})

t.test('an answer without a body is whole before it is passed on', async t => {
  for (const [method, answer] of [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ] as const) {
    const watcher = new Watcher()
    await using harness = await watched('block', watcher, saying(answer))
    await harness.ask(`${method} / HTTP/1.1\r\n${h}\r\n`, headed)
    await watcher.saw('ended')
    t.strictSame(watcher.calls.slice(2), ['received', 'ended'], `${method} ${answer}`)
    const strict = new Watcher('received')
    await using other = await watched('block', strict, saying(answer))
    t.match(await other.ask(`${method} / HTTP/1.1\r\n${h}\r\n`, headed), /^HTTP\/1.1 403 /)
  }
})

t.test('interim answers are not shown, and each request of a pipeline is', async t => {
  const watcher = new Watcher()
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
  await using harness = await watched('block', watcher, saying(early + ok))
  const text = await harness.ask(get + get, all => all.split('good').length === 3)
  t.equal(text, (early + ok).repeat(2))
  const one = ['request GET /x?q=1 allow', 'answered 200', 'receiving good', 'received', 'ended']
  t.strictSame(watcher.calls, [...one, ...one])
  t.strictSame(watcher.types, ['text/plain', 'text/plain'])
})

t.test('a request that goes out once more is shown once', async t => {
  let connections = 0
  const watcher = new Watcher()
  await using harness = await watched('block', watcher, socket => {
    connections += 1
    const isFirst = connections === 1
    let requests = 0
    scripted(text => {
      if (!text.includes('\r\n\r\n')) return undefined
      requests += 1
      if (!isFirst || requests === 1) return ok
      socket.destroy()
      return undefined
    })(socket)
  })
  const client = await harness.client()
  client.send(get)
  await client.until(text => text.endsWith('good'))
  client.send(`PUT /2 HTTP/1.1\r\n${h}Content-Length: 3\r\n\r\nabc`)
  await client.until(text => text.split('good').length === 3)
  t.equal(connections, 2, 'it did go out again')
  t.strictSame(
    watcher.calls.filter(call => /^(?:request PUT|sending|ended)/.test(call)),
    ['ended', 'request PUT /2 allow', 'sending abc', 'ended'],
  )
})

t.test('a body whose framing breaks is shown as it is, and never said to be whole', async t => {
  const watcher = new Watcher()
  const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4 \r\nevil\r\n0\r\n\r\n'
  await using harness = await watched('block', watcher, saying(answer, { ends: true }))
  t.equal(await harness.ask(get, never), answer)
  await watcher.saw('ended')
  t.notOk(watcher.calls.includes('received'))
  t.match(watcher.calls.filter(call => call.startsWith('receiving')).join(''), 'evil')
  const strict = new Watcher('receiving  \r\nevil')
  await using other = await watched('block', strict, saying(answer, { ends: true }))
  t.notMatch(await other.ask(get, never), 'evil', 'and can be objected to')
})

t.test('an answer that breaks off, and a client that leaves, are ended and not whole', async t => {
  const watcher = new Watcher()
  await using harness = await watched(
    'block',
    watcher,
    saying('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', { ends: true }),
  )
  await harness.ask(get, never)
  await watcher.saw('ended')
  t.strictSame(watcher.calls.slice(1), ['answered 200', 'receiving half', 'ended'])

  const left = new Watcher()
  await using silent = await watched('block', left, () => undefined)
  const client = await silent.client()
  client.send(get)
  await left.saw('request GET /x?q=1 allow')
  client.socket.resetAndDestroy()
  await left.saw('ended')
  t.strictSame(left.calls, ['request GET /x?q=1 allow', 'ended'])
})

t.test('facts of a look stand in the line', async t => {
  const watcher = new Watcher()
  watcher.note = { token: 'a1' }
  watcher.whole = { details: { names: 1 } }
  await using harness = await watched('block', watcher, saying(ok))
  await harness.ask(get, text => text.endsWith('good'))
  t.match(await harness.job.recorded(1), [{ token: 'a1', details: { names: 1 }, verdict: 'allow' }])
})

t.test('where nobody looks at requests nothing is asked', async t => {
  await using harness = await Harness.open(policyOf('block', rules), saying(ok))
  harness.job.insight = { question: () => undefined }
  t.equal(await harness.ask(get, text => text.endsWith('good')), ok)
  harness.job.insight = { request: () => undefined }
  t.equal(await harness.ask(get, text => text.endsWith('good')), ok)
  t.match(await harness.job.recorded(2), [{ verdict: 'allow' }, { verdict: 'allow' }])
})
