import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { addresses, wires } from '../addresses.ts'
import { Minter } from '../certificates/authority.ts'
import { dnsResponder, serveDns, type DnsQuery } from '../dns/server.ts'
import { Zone } from '../dns/zone.ts'
import { answerDoh, isDoh } from '../origins/doh.ts'
import { readAll, type Exchange, type Reply } from '../origins/exchange.ts'
import { endsOf, Front } from '../origins/front.ts'
import { Recorder } from '../origins/recorder.ts'
import { sinkPorts } from '../topology.ts'
import type { AttackerOffer } from './attacker-offer.ts'
import { openChannel } from './channel.ts'
import { endWithParent } from './parent-watch.ts'

/** The attacker's resolver knows every name. */
const everyName = new Zone((_name, type) => {
  if (type === 'A') return [addresses.attacker.v4]
  if (type === 'AAAA') return [addresses.attacker.v6]
  return type === 'TXT' || type === 'NULL' ? ['answer-of-the-attacker'] : type === 'CNAME' ? ['payload.evil.test'] : []
})
const recorder = new Recorder()
let queries: DnsQuery[] = []
const respond = dnsResponder(everyName, query => queries.push(query))

async function answer(exchange: Exchange): Promise<Reply> {
  if (isDoh(exchange)) return answerDoh(exchange, 'outside', respond)
  await readAll(exchange.body)
  return { status: 200, headers: [['Content-Type', 'text/plain']], body: 'the attacker says thank you\n' }
}

/** TLS is terminated (attackers have certificates too), HTTP is answered, anything else comes back as it was. */
function serveAnything(front: Front): (socket: Socket) => void {
  const tls = front.tlsServer({ chooseAlpn: (_name, offered) => ['h2', 'http/1.1'].find(id => offered.includes(id)) })
  return socket => {
    socket.on('error', () => {})
    socket.once('data', first => {
      socket.pause()
      socket.unshift(first)
      if (first[0] === 0x16) tls.emit('connection', socket)
      else if (/^[A-Z]{3,16} \S/.test(first.toString('latin1', 0, 32))) {
        front.adoptPlain(socket)
        socket.resume()
      } else serveEcho(socket)
    })
  }
}

function serveEcho(socket: Socket): void {
  const connection = recorder.openConnection({
    ...endsOf(socket),
    encrypted: false,
    sni: undefined,
    alpn: undefined,
    tlsVersion: undefined,
    sessionReused: false,
    clientCertificate: undefined,
    error: undefined,
  })
  socket.on('close', () => (connection.closed = true))
  socket.on('data', piece => {
    connection.receivedTally.add(piece)
    socket.write(piece)
  })
  socket.resume()
}

const offer: AttackerOffer = {
  async start({ authority }) {
    const minter = new Minter(authority)
    const certificate = minter.mint({
      commonName: 'evil.test',
      names: ['evil.test', ...Object.values(addresses.attacker), ...Object.values(addresses.outsideResolver)],
    })
    const front = new Front({
      handler: answer,
      recorder,
      ticketKeys: Buffer.alloc(48, 1),
      contextFor: name => minter.contextFor(name),
      certificate: { cert: certificate.certPem, key: certificate.keyPem },
    })
    const anything = createServer({ noDelay: true }, serveAnything(front))
    // 'udp6' serves both families; the redirect translates the answer back.
    const echo = createSocket({ type: 'udp6' }).on('error', () => {})
    echo.on('message', (message, from) => from.port !== 0 && echo.send(message, from.port, from.address, () => {}))
    await Promise.all([
      once(anything.listen(sinkPorts.tcp, '::', 1_024), 'listening'),
      once(echo.bind(sinkPorts.udp, '::'), 'listening'),
      // Any resolver of the world is the attacker's: what is sent to another one is redirected to the sink's own address.
      ...[...Object.values(addresses.outsideResolver), wires.away.sink.v4, wires.away.sink.v6].map(address =>
        serveDns(address, 'outside', respond, certificate),
      ),
    ])
  },
  queries: () => queries,
  connections: () => recorder.connections(),
  requests: () => recorder.requests(),
  clear() {
    queries = []
    recorder.clear()
  },
}

endWithParent()
openChannel<object>(process, { ...offer })
