import { once } from 'node:events'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import {
  credentials,
  makeClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js'
import { execa } from 'execa'
import t from 'tap'
import { policyOf } from './fake-job.ts'
import { Loopback, originIdentity } from './loopback.ts'

const a = 'a.example.com'
const same = (value: Buffer): Buffer => value

/** An origin that speaks both versions and tells which one it was asked in. */
const bothVersions = () =>
  createSecureServer(
    { ...originIdentity(a), allowHTTP1: true },
    (request: Http2ServerRequest, response: Http2ServerResponse) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        response.setHeader('x-version', request.httpVersion)
        response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).length}`)
      })
    },
  )

/** Runs curl against the gateway as a client that trusts it. */
async function curl(ca: string, port: number, args: readonly string[], path = '/'): Promise<string> {
  const target = ['--resolve', `${a}:${port}:127.0.0.1`, `https://${a}:${port}${path}`]
  // The gateway knows the port that was meant; a client on loopback names the port that it dialled.
  const { stdout, stderr } = await execa('curl', ['-sS', '--cacert', ca, '-H', `Host: ${a}`, ...args, ...target])
  return stdout + stderr
}

t.test('clients: curl speaks HTTP/1.1 and HTTP/2 through inspection, uploads included (T14)', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(bothVersions())
  const port = await gateway.toward(a)
  const home = t.testdir({
    'ca.crt': gateway.authority.certificatePem,
    body: Buffer.alloc(3_000_000, 1).toString('latin1'),
  })
  const ca = join(home, 'ca.crt')
  const version = ['-w', ' %{http_version}']
  t.equal(await curl(ca, port, ['--http1.1', ...version], '/one'), 'GET /one 0 1.1')
  t.equal(await curl(ca, port, ['--http2', ...version], '/two'), 'GET /two 0 2')
  for (const flag of ['--http1.1', '--http2']) {
    t.match(await curl(ca, port, [flag, '-T', join(home, 'body')], '/up'), 'PUT /up 3000000')
  }
  const protocols = (await gateway.job.recorded(4)).map(event => event.protocol)
  t.strictSame(protocols, ['http/1.1', 'h2', 'http/1.1', 'h2'])
})

t.test('clients: openssl s_client verifies us by TLS 1.2 and TLS 1.3', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  await gateway.origin(createHttpsServer(originIdentity(a), (_request, response) => response.end('hi')))
  const port = await gateway.toward(a)
  const ca = join(t.testdir({ 'ca.crt': gateway.authority.certificatePem }), 'ca.crt')
  for (const version of ['-tls1_2', '-tls1_3']) {
    const target = ['-connect', `127.0.0.1:${port}`, '-servername', a, '-verify_hostname', a, '-verify_return_error']
    const input = `GET / HTTP/1.1\r\nHost: ${a}\r\nConnection: close\r\n\r\n`
    const { stdout, exitCode } = await execa('openssl', ['s_client', '-quiet', version, '-CAfile', ca, ...target], {
      input,
      reject: false,
    })
    t.equal(exitCode, 0)
    t.match(stdout, /HTTP\/1\.1 200 OK[^]*hi$/)
  }
  const { stdout } = await execa(
    'openssl',
    ['s_client', '-tls1_1', '-connect', `127.0.0.1:${port}`, '-servername', a],
    {
      input: '',
      reject: false,
    },
  )
  t.match(stdout, /no peer certificate|Cipher is \(NONE\)/, 'nothing older is spoken')
})

t.test('clients: a grpc-js call with metadata, trailers and a stream both ways passes (T14)', async t => {
  await using gateway = new Loopback(policyOf('block', [a]))
  const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() }
  const definition = {
    chat: {
      path: '/test.Echo/Chat',
      requestStream: true,
      responseStream: true,
      requestSerialize: text.serialize,
      requestDeserialize: text.deserialize,
      responseSerialize: text.serialize,
      responseDeserialize: text.deserialize,
    },
  }
  const server = new Server()
  server.addService(definition, {
    chat(call: ServerDuplexStream<string, string>) {
      const trailers = new Metadata()
      trailers.set('x-seen', String(call.metadata.get('x-token')[0]))
      call.on('data', (word: string) => call.write(word.toUpperCase()))
      call.on('end', () => call.end(trailers))
    },
  })
  const identity = originIdentity(a)
  const pair = { private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) }
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  )
  t.teardown(() => server.forceShutdown())
  // The gateway dials the gRPC server through a plain TCP origin of its own.
  await gateway.origin(
    createTcpServer(socket => {
      const through = connect(bound, '127.0.0.1')
      socket
        .on('error', () => {})
        .pipe(through.on('error', () => {}))
        .pipe(socket)
    }),
  )
  const Client = makeClientConstructor(definition, 'Echo')
  const client = new Client(
    `127.0.0.1:${await gateway.toward(a)}`,
    credentials.createSsl(Buffer.from(gateway.authority.certificatePem)),
    { 'grpc.ssl_target_name_override': a, 'grpc.default_authority': a },
  )
  t.teardown(() => client.close())
  const metadata = new Metadata()
  metadata.set('x-token', 'yes')
  const call = client.makeBidiStreamRequest(definition.chat.path, text.serialize, text.deserialize, metadata)
  const heard: string[] = []
  for (const word of ['one', 'two', 'three']) {
    call.write(word)
    const [answer] = await once(call, 'data')
    heard.push(String(answer))
  }
  call.end()
  const [status] = await once(call, 'status')
  t.strictSame(heard, ['ONE', 'TWO', 'THREE'])
  t.match(status, { code: 0 })
  t.strictSame(status.metadata.get('x-seen'), ['yes'])
  t.match(await gateway.job.recorded(1), [{ protocol: 'h2', path: '/test.Echo/Chat', status: 200, verdict: 'allow' }])
})

t.test('clients: a gRPC call that is refused fails with a status that says why', async t => {
  await using gateway = new Loopback(policyOf('block', []))
  const Client = makeClientConstructor({}, 'Echo')
  const client = new Client(
    `127.0.0.1:${await gateway.toward(a)}`,
    credentials.createSsl(Buffer.from(gateway.authority.certificatePem)),
    { 'grpc.ssl_target_name_override': a, 'grpc.default_authority': a },
  )
  t.teardown(() => client.close())
  const error = await new Promise(resolve =>
    client.makeUnaryRequest('/test.Echo/Say', same, same, Buffer.from('x'), resolve),
  )
  t.match(error, { code: 7, details: /tidegate: denied/ })
})
