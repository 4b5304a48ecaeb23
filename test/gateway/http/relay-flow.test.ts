import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness } from './harness.ts'

const all = policyOf('block', ['http://api.example.test'])
const h = 'Host: api.example.test\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

t.test('relayHttp1(): a body cut short by the origin is seen to be cut short', async t => {
  for (const head of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    await using harness = await Harness.open(all, socket => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nabcde\r\n`))
    })
    const client = await harness.client()
    client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
    const text = await client.until(() => false)
    t.ok(text.endsWith('abcde\r\n'), 'what there was')
    t.match(await harness.job.recorded(1), [{ status: 200, error: 'UPSTREAM_TRUNCATED' }])
  }
})

t.test('relayHttp1(): a reset under an answer without length is a reset, not an end', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf', () => socket.resetAndDestroy()))
  })
  await harness.ask(`GET / HTTP/1.1\r\n${h}\r\n`)
  t.match(await harness.job.recorded(1), [{ error: 'UPSTREAM_TRUNCATED' }])
})

t.test('relayHttp1(): a client that gives up is noticed by the origin', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc'))
    socket.on('end', () => socket.destroy())
  })
  const client = await harness.client()
  client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
  await client.until(text => text.endsWith('abc'))
  client.socket.destroy()
  t.match(await harness.job.recorded(1), [{ error: 'CLIENT_ABORTED', status: 200 }])
})

t.test('relayHttp1(): half a request is never completed for the origin', async t => {
  let seen = ''
  await using harness = await Harness.open(all, socket => {
    socket.on('data', bytes => {
      seen += bytes.toString('latin1')
    })
    socket.on('end', () => socket.destroy())
  })
  const client = await harness.client()
  client.send(`POST / HTTP/1.1\r\n${h}Content-Length: 100\r\n\r\nhalf`)
  while (!seen.endsWith('half')) await new Promise(resolve => setImmediate(resolve))
  client.socket.end()
  await harness.job.recorded(1)
  t.ok(seen.endsWith('half'))
  t.match(harness.job.events, [{ error: 'CLIENT_ABORTED' }])
})

t.test('relayHttp1(): a client that has said all it will say still gets its answer', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.on('data', () => undefined)
    socket.on('end', () => socket.end(ok))
  })
  const client = await harness.client()
  client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
  client.socket.end()
  t.equal(await client.until(() => false), ok)
})

t.test('relayHttp1(): an answer before the end of the request arrives, and the rest of the request too', async t => {
  let seen = 0
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.write(ok))
    socket.on('data', bytes => {
      seen += bytes.length
    })
  })
  const client = await harness.client()
  const head = `POST / HTTP/1.1\r\n${h}Content-Length: 10\r\n\r\n`
  client.send(`${head}01234`)
  t.equal(await client.until(text => text.endsWith('ok')), ok)
  client.send('56789')
  t.match(await harness.job.recorded(1), [{ bytesSent: head.length + 10, status: 200 }])
  while (seen < head.length + 10) await new Promise(resolve => setImmediate(resolve))
  t.equal(seen, head.length + 10)
})

t.test('relayHttp1(): the origin’s end of a quiet connection is passed on', async t => {
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => socket.end(ok))
  })
  const client = await harness.client()
  client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
  await client.until(() => false)
  t.equal(client.text, ok)
  t.equal(client.ended, true)
})

t.test('relayHttp1(): backpressure: a client that does not read stops the origin', async t => {
  const size = 64 * 1024 * 1024
  let pushed = 0
  const chunk = Buffer.alloc(1 << 20)
  await using harness = await Harness.open(all, socket => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      const push = (): void => {
        while (pushed < size) {
          pushed += chunk.length
          if (!socket.write(chunk)) return void socket.once('drain', push)
        }
      }
      push()
    })
  })
  const client = await harness.client()
  client.socket.pause()
  client.send(`GET / HTTP/1.1\r\n${h}\r\n`)
  // Until nothing moves any more: the kernel's buffers are full and ours are bounded.
  let before = -1
  for (let quiet = 0; quiet < 20; quiet = pushed === before && pushed > 0 ? quiet + 1 : 0) {
    before = pushed
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  t.ok(pushed < size / 2, `origin was stopped after ${pushed} bytes`)
  client.socket.destroy()
})

t.test('relayHttp1(): backpressure: an origin that does not read stops the client', async t => {
  const size = 64 * 1024 * 1024
  await using harness = await Harness.open(all, socket => {
    socket.pause()
  })
  const client = await harness.client()
  client.send(`POST / HTTP/1.1\r\n${h}Content-Length: ${size}\r\n\r\n`)
  let pushed = 0
  const chunk = Buffer.alloc(1 << 20)
  const push = (): void => {
    while (pushed < size) {
      pushed += chunk.length
      if (!client.socket.write(chunk)) return void client.socket.once('drain', push)
    }
  }
  push()
  let before = -1
  for (let quiet = 0; quiet < 20; quiet = pushed === before ? quiet + 1 : 0) {
    before = pushed
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  t.ok(pushed < size / 2, `client was stopped after ${pushed} bytes`)
  client.socket.destroy()
})
