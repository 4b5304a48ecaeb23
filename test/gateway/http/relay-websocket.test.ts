import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { policyOf } from '../door/fake-job.ts'
import { Harness, portOf } from './harness.ts'

/** A WebSocket echo, reached through the harness's raw origin. */
async function echo(): Promise<{ readonly port: number; close(): void }> {
  const http = createServer()
  const server = new WebSocketServer({ server: http })
  server.on('connection', socket => {
    socket.on('message', (data: Buffer, isBinary: boolean) => socket.send(data, { binary: isBinary }))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    port: portOf(http),
    close() {
      server.close()
      http.closeAllConnections()
      http.close()
    },
  }
}

for (const mode of ['block', 'audit'] as const) {
  t.test(`relayHttp1(): T9 WebSocket under a ws:// rule works in ${mode}, and its bytes are counted`, async t => {
    const server = await echo()
    t.teardown(() => server.close())
    await using harness = await Harness.open(policyOf(mode, ['ws://api.example.test/socket']), socket => {
      const onward = connect({ host: '127.0.0.1', port: server.port })
      socket.pipe(onward).pipe(socket)
      onward.on('error', () => socket.destroy())
    })
    const client = new WebSocket(`ws://127.0.0.1:${harness.port}/socket`, { headers: { Host: 'api.example.test' } })
    await once(client, 'open')
    for (const size of [1, 1_000, 200_000]) {
      client.send(Buffer.alloc(size, 7))
      const [data] = await once(client, 'message')
      t.equal(data.length, size)
    }
    client.close()
    await once(client, 'close')
    const [event] = await harness.job.recorded(1)
    t.match(event, {
      layer: 'http',
      protocol: 'websocket',
      status: 101,
      verdict: 'allow',
      method: 'GET',
      path: '/socket',
    })
    t.ok((event?.bytesSent ?? 0) > 201_001 && (event?.bytesReceived ?? 0) > 201_001)
    t.notHas(event, { error: /./ })
  })
}

t.test('relayHttp1(): T9 in audit WebSocket without a rule works and is observed', async t => {
  const server = await echo()
  t.teardown(() => server.close())
  await using harness = await Harness.open(policyOf('audit', ['http://api.example.test']), socket => {
    const onward = connect({ host: '127.0.0.1', port: server.port })
    socket.pipe(onward).pipe(socket)
    onward.on('error', () => socket.destroy())
  })
  const client = new WebSocket(`ws://127.0.0.1:${harness.port}/`, { headers: { Host: 'api.example.test' } })
  await once(client, 'open')
  client.close()
  await once(client, 'close')
  t.match(await harness.job.recorded(1), [{ protocol: 'websocket', verdict: 'observe', reason: 'upgrade' }])
})

t.test('relayHttp1(): T8 an origin that switches protocols unasked is not followed', async t => {
  await using harness = await Harness.open(policyOf('block', ['http://api.example.test']), socket => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI'),
    )
  })
  const text = await harness.ask(
    'GET / HTTP/1.1\r\nHost: api.example.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n',
  )
  t.match(text, /^HTTP\/1.1 502 /)
  t.match(await harness.job.recorded(1), [{ error: 'UPSTREAM_PROTOCOL' }])
})

t.test('relayHttp1(): bytes that come before the switch belong to the tunnel', async t => {
  await using harness = await Harness.open(policyOf('block', ['ws://api.example.test']), socket => {
    let seen = ''
    socket.on('data', bytes => {
      const isFirst = seen === ''
      seen += bytes.toString('latin1')
      if (isFirst) socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
      if (seen.endsWith('early')) socket.write('EARLY')
    })
  })
  const client = await harness.client()
  client.send('GET / HTTP/1.1\r\nHost: api.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly')
  t.equal(await client.until(text => text.endsWith('EARLY')), 'HTTP/1.1 101 Switching Protocols\r\n\r\nEARLY')
})
