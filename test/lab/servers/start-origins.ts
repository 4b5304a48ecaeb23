import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { SecureContext } from 'node:tls'
import { addresses } from '../addresses.ts'
import { contextOf, Minter, newAuthority } from '../certificates/authority.ts'
import type { Front, FrontOptions } from '../origins/front.ts'

/** Ports of the shared address that repeat what they hear, over TCP and UDP. */
const echoPorts: readonly number[] = [7, 123, 5_000]

/** The port of the shared address where the server speaks first. */
const bannerPort = 2_525

/** Listens on every address of the plan, each with its own manners. */
export async function startOrigins(front: Front, caPem: string): Promise<void> {
  const everywhere = (place: { readonly v4: string; readonly v6: string }, options: FrontOptions) =>
    Object.values(place).map(address => front.listenTls(address, options))
  await Promise.all([
    ...[addresses.shared, addresses.sharedToo, addresses.resolver].flatMap(place => everywhere(place, { chooseAlpn })),
    ...[addresses.shared, addresses.sharedToo].flatMap(place =>
      Object.values(place).map(address => front.listenPlain(address)),
    ),
    ...Object.values(addresses.shared).flatMap(address => [
      front.listenTls(address, { chooseAlpn }, 8_443),
      front.listenPlain(address, 8_080),
      ...echoPorts.flatMap(port => [listenEcho(address, port), answerDatagrams(address, port)]),
      answerDatagrams(address, 443),
      listenEcho(address, bannerPort, '220 lab ready\r\n'),
    ]),
    ...everywhere(addresses.tls12, { chooseAlpn, maxVersion: 'TLSv1.2' }),
    ...everywhere(addresses.noAlpn, {}),
    ...everywhere(addresses.clientCert, { chooseAlpn, requestCert: true, rejectUnauthorized: true, ca: caPem }),
    ...Object.values(addresses.silent).flatMap(address => [listenSilent(address, 80), listenSilent(address, 443)]),
  ])
}

async function listenSilent(address: string, port: number): Promise<void> {
  const server = createServer(socket => socket.on('error', () => {}).resume())
  await once(server.listen(port, address), 'listening')
}

/** A server that says something first, if it has anything to say, and then repeats what it hears. */
async function listenEcho(address: string, port: number, banner = ''): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    if (banner !== '') socket.write(banner)
    socket.pipe(socket)
  })
  await once(server.listen(port, address), 'listening')
}

async function answerDatagrams(address: string, port: number): Promise<void> {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' }).on('error', () => {})
  socket.on('message', (message, from) => from.port !== 0 && socket.send(message, from.port, from.address, () => {}))
  await once(socket.bind(port, address), 'listening')
}

/** h2 before h1, but for the names that speak only one. */
function chooseAlpn(sent: string | false, offered: readonly string[]): string | undefined {
  const serverName = sent || ''
  const spoken =
    serverName.startsWith('h1.') || serverName.startsWith('ws.')
      ? ['http/1.1']
      : serverName.startsWith('h2.')
        ? ['h2']
        : ['h2', 'http/1.1']
  return spoken.find(id => offered.includes(id))
}

/** Good certificates, but for the names that say what is wrong with theirs. */
export function contexts(minter: Minter): (serverName: string) => SecureContext {
  const day = 86_400_000
  const mint = (names: readonly string[], from: number, to: number) =>
    contextOf(
      minter.mint({
        commonName: names[0] ?? '',
        names,
        notBefore: new Date(Date.now() + from),
        notAfter: new Date(Date.now() + to),
      }),
    )
  const bad = new Map<string, (serverName: string) => SecureContext>([
    ['expired', name => mint([name], -9 * day, -2 * day)],
    ['early', name => mint([name], 2 * day, 9 * day)],
    ['wrong-name', () => mint(['somebody-else.test'], -day, day)],
    [
      'self-signed',
      name => {
        const own = new Minter(newAuthority(name))
        return contextOf(own.mint({ commonName: name, names: [name] }))
      },
    ],
    [
      'untrusted',
      name => contextOf(new Minter(newAuthority('Nobody Trusts Us')).mint({ commonName: name, names: [name] })),
    ],
  ])
  return serverName => (bad.get(serverName.split('.')[0] ?? '') ?? (name => minter.contextFor(name)))(serverName)
}
