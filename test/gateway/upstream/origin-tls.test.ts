import { once } from 'node:events'
import { connect } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { openOriginTls } from '../../../gateway/upstream/origin-tls.ts'
import { keyPem, mintCertificate, newKeyPair, type CertificateFacts } from '../../lab/certificates/mint.ts'
import { address, hostname, port } from '../door/fake-job.ts'
import { portOf } from '../http/harness.ts'

const ca = { commonName: 'Outside CA', ...newKeyPair() }
const caPem = mintCertificate({ commonName: ca.commonName, names: [], authority: true }, ca.publicKey, ca)
const stranger = { commonName: 'Stranger CA', ...newKeyPair() }
const roots = [new X509Certificate(caPem).raw]
const never = new AbortController().signal
const target = { host: hostname('api.example.test'), port: port(443), alpn: ['h2', 'http/1.1'] as const }

function identity(facts: Partial<CertificateFacts>, issuer = ca): { readonly key: string; readonly cert: string } {
  const pair = newKeyPair()
  const cert = mintCertificate(
    { commonName: 'api.example.test', names: ['api.example.test'], ...facts },
    pair.publicKey,
    issuer,
  )
  return { key: keyPem(pair.privateKey), cert }
}

interface Origin {
  readonly port: number
  readonly names: (string | false)[]
  readonly resumed: boolean[]
}

async function origin(t: Test, options: TlsOptions): Promise<Origin> {
  const names: (string | false)[] = []
  const resumed: boolean[] = []
  const server = createServer(options, socket => {
    names.push(socket.servername ?? false)
    resumed.push(socket.isSessionReused())
    socket.on('error', () => undefined)
    socket.write('hello')
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: portOf(server), names, resumed }
}

const bad: readonly [string, TlsOptions, string][] = [
  [
    'expired',
    identity({ notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) }),
    'CERT_HAS_EXPIRED',
  ],
  [
    'not yet valid',
    identity({ notBefore: new Date(Date.now() + 1e9), notAfter: new Date(Date.now() + 2e9) }),
    'CERT_NOT_YET_VALID',
  ],
  ['for another name', identity({ names: ['other.example.test'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['for a name below', identity({ names: ['*.api.example.test'] }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['by an authority nobody knows', identity({}, stranger), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
]
for (const [name, options, reason] of bad) {
  t.test(`handshake(): T12 a certificate that is ${name} is not accepted`, async t => {
    const { port: real } = await origin(t, options)
    const socket = connect(real, '127.0.0.1')
    await t.rejects(openOriginTls(roots).handshake(socket, target, never), {
      code: 'UPSTREAM_CERTIFICATE',
      details: { reason },
    })
    t.equal(socket.destroyed, true)
  })
}

t.test('handshake(): T12 a self-signed certificate is not accepted', async t => {
  const pair = newKeyPair()
  const own = { commonName: 'api.example.test', ...pair }
  const cert = mintCertificate({ commonName: 'api.example.test', names: ['api.example.test'] }, pair.publicKey, own)
  const { port: real } = await origin(t, { key: keyPem(pair.privateKey), cert })
  await t.rejects(openOriginTls(roots).handshake(connect(real, '127.0.0.1'), target, never), {
    code: 'UPSTREAM_CERTIFICATE',
  })
})

t.test('handshake(): the name goes out as SNI, the offer as ALPN, and the socket comes paused', async t => {
  const { port: real, names } = await origin(t, { ...identity({}), ALPNProtocols: ['http/1.1', 'h2'] })
  const socket = await openOriginTls(roots).handshake(connect(real, '127.0.0.1'), target, never)
  t.teardown(() => socket.destroy())
  t.match(socket, { authorized: true, alpnProtocol: 'http/1.1' })
  t.equal(socket.isPaused(), true)
  socket.resume()
  const [first] = await once(socket, 'data')
  t.equal(String(first), 'hello')
  t.strictSame(names, ['api.example.test'])
})

t.test('handshake(): an address has no SNI and is verified by address', async t => {
  const good = await origin(t, identity({ names: ['203.0.113.7'] }))
  const tls = openOriginTls(roots)
  const literal = { host: address('203.0.113.7'), port: port(443), alpn: [] }
  const socket = await tls.handshake(connect(good.port, '127.0.0.1'), literal, never)
  t.teardown(() => socket.destroy())
  socket.resume()
  await once(socket, 'data')
  t.strictSame(good.names, [false])
  const other = await origin(t, identity({ names: ['203.0.113.8'] }))
  await t.rejects(tls.handshake(connect(other.port, '127.0.0.1'), literal, never), { code: 'UPSTREAM_CERTIFICATE' })
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`handshake(): ${version} sessions of verified connections are resumed`, async t => {
    const { port: real, resumed } = await origin(t, { ...identity({}), minVersion: version, maxVersion: version })
    const tls = openOriginTls(roots)
    for (const _turn of [1, 2]) {
      const socket = await tls.handshake(connect(real, '127.0.0.1'), target, never)
      socket.resume()
      // TLS 1.3 tickets come with the first data, and are handed over a little later.
      await once(socket, 'data')
      await new Promise(resolve => setImmediate(resolve))
      socket.destroy()
    }
    t.strictSame(resumed, [false, true])
  })
}

t.test('handshake(): an origin older than TLS 1.2 is not talked to', async t => {
  const { port: real } = await origin(t, {
    ...identity({}),
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  await t.rejects(openOriginTls(roots).handshake(connect(real, '127.0.0.1'), target, never), { code: 'UPSTREAM_TLS' })
})

t.test('handshake(): an origin that hangs up is an error of TLS', async t => {
  const { createServer: createTcp } = await import('node:net')
  const server = createTcp(socket => socket.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  await t.rejects(openOriginTls(roots).handshake(connect(portOf(server), '127.0.0.1'), target, never), {
    code: 'UPSTREAM_TLS',
  })
})

t.test('handshake(): aborting ends it', async t => {
  const { createServer: createTcp } = await import('node:net')
  const server = createTcp(() => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const aborting = new AbortController()
  const socket = connect(portOf(server), '127.0.0.1')
  t.teardown(() => server.close())
  const handshake = openOriginTls(roots).handshake(socket, target, aborting.signal)
  setImmediate(() => aborting.abort(new Error('enough')))
  await t.rejects(handshake, /enough/)
  t.equal(socket.destroyed, true)
})
