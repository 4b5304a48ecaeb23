import { connect, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { Watcher } from '../insight/watcher.ts'
import { policyOf } from './fake-job.ts'
import { Loopback, originIdentity } from './loopback.ts'
import { exchange, readAll, tlsClient } from './tls-client.ts'

t.setTimeout(20_000)

const a = 'a.example.com'
const rules = [`tls://${a}`, `tcp://${a}:22`]
const objected = { reason: 'denied-by-rule', rule: 'watched[0]', host: a }
const get = `GET / HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`

async function open(mode: 'audit' | 'block', watcher: Watcher): Promise<Loopback> {
  const gateway = new Loopback(policyOf(mode, rules))
  gateway.job.insight = watcher
  await gateway.origin(createTlsServer(originIdentity(a), socket => socket.on('error', () => {}).end('hi')))
  await gateway.origin(
    createServer(socket => socket.on('error', () => {}).end('SSH-2.0-server\r\n')),
    22,
  )
  return gateway
}

t.test(
  'handleConnection(): what would be carried unread and is objected to is refused, and nothing dialled',
  async t => {
    const watcher = new Watcher('connection')
    await using gateway = await open('block', watcher)
    const tls = await tlsClient(gateway, await gateway.toward(a), { servername: a })
    const answer = readAll(tls)
    tls.write(get)
    t.match(await answer, /^HTTP\/1.1 403 [^]*tidegate: /, 'in a sentence')
    t.equal(await exchange(await gateway.toward(a, 22), 'SSH-2.0-client\r\n'), 'ECONNRESET')
    t.strictSame(gateway.dialled, [])
    t.match(await gateway.job.recorded(2), [
      { ...objected, verdict: 'deny', port: 443 },
      { ...objected, verdict: 'deny', port: 22, layer: 'tcp' },
    ])
    t.strictSame(
      watcher.calls.filter(call => call.startsWith('connection')),
      [`connection tls ${a} 443`, `connection tcp ${a} 22`],
    )
  },
)

t.test('handleConnection(): in audit it is carried, and observed', async t => {
  await using gateway = await open('audit', new Watcher('connection'))
  const options = { servername: a, rejectUnauthorized: false }
  t.equal(await readAll(await tlsClient(gateway, await gateway.toward(a), options)), 'hi')
  t.equal(await exchange(await gateway.toward(a, 22), 'SSH-2.0-client\r\n'), 'SSH-2.0-server\r\n')
  t.match(await gateway.job.recorded(2), [
    { ...objected, verdict: 'observe', layer: 'tls' },
    { ...objected, verdict: 'observe', layer: 'tcp' },
  ])
})

t.test('handleConnection(): of what is carried unread each piece is shown before it is sent', async t => {
  for (const mode of ['block', 'audit'] as const) {
    const watcher = new Watcher('tcp says secret')
    await using gateway = new Loopback(policyOf(mode, rules))
    gateway.job.insight = watcher
    let heard = ''
    const server = createServer(socket => {
      socket
        .on('error', () => {})
        .on('data', (piece: Buffer) => {
          heard += piece.toString()
          if (heard === 'hello') socket.write('go on')
          if (heard.endsWith('secret')) socket.end('bye')
        })
    })
    await gateway.origin(server, 22)
    const client = connect(await gateway.toward(a, 22), '127.0.0.1')
    const said: string[] = []
    const closed = new Promise(resolve => client.once('close', resolve))
    client.on('error', () => {})
    client.on('data', (piece: Buffer) => {
      said.push(piece.toString())
      if (piece.toString() === 'go on') client.write('secret')
    })
    client.write('hello')
    await closed
    t.match(await gateway.job.recorded(1), [
      { ...objected, verdict: mode === 'block' ? 'deny' : 'observe', bytesSent: mode === 'block' ? 5 : 11 },
    ])
    t.equal(heard, mode === 'block' ? 'hello' : 'hellosecret')
    t.strictSame(said, mode === 'block' ? ['go on'] : ['go on', 'bye'])
    t.strictSame(watcher.calls, [`connection tcp ${a} 22`, 'tcp says hello', 'tcp says secret', 'tcp ended'])
  }
})

t.test('handleConnection(): what is observed in a stream does not stand in place of what refuses it later', async t => {
  const changed = { port: 22, verdict: 'deny', reason: 'no-rule', rule: 'no rule', error: 'POLICY_CHANGED' } as const
  // Here it looks like the beginning of a request, and is shown before anybody is dialled since nothing follows.
  const undialled = { port: 443, verdict: 'deny', reason: 'private-address', rule: 'no rule' } as const
  const call = 'tcp says secret'
  for (const refusal of [changed, undialled]) {
    const watcher = new Watcher(call)
    await using gateway = await open('audit', watcher)
    if (refusal === undialled) gateway.resolvesTo('127.0.0.1')
    const client = connect(await gateway.toward(a, refusal.port), '127.0.0.1')
    const closed = new Promise(resolve => client.once('close', resolve))
    client.on('error', () => {})
    if (refusal === changed) client.write('secret')
    else client.end('secret')
    await watcher.saw(call)
    if (refusal === changed) gateway.job.policy = policyOf('block', [])
    await closed
    t.match(await gateway.job.recorded(1), [refusal])
  }
})

t.test('handleConnection(): of TLS that is passed nothing is shown', async t => {
  const watcher = new Watcher()
  await using gateway = await open('block', watcher)
  const options = { servername: a, rejectUnauthorized: false }
  t.equal(await readAll(await tlsClient(gateway, await gateway.toward(a), options)), 'hi')
  await gateway.job.recorded(1)
  t.strictSame(watcher.calls, [`connection tls ${a} 443`])
})

t.test('handleConnection(): what is refused anyway is not shown', async t => {
  const watcher = new Watcher('connection')
  await using gateway = await open('block', watcher)
  t.equal(await exchange(await gateway.toward('b.example.com', 22), 'SSH-2.0-client\r\n'), 'ECONNRESET')
  t.match(await gateway.job.recorded(1), [{ verdict: 'deny', reason: 'no-rule' }])
  t.strictSame(watcher.calls, [])
})
