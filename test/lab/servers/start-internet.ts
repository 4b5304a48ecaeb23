import { randomBytes } from 'node:crypto'
import { addresses, internetAddresses } from '../addresses.ts'
import { Minter } from '../certificates/authority.ts'
import { dnsResponder, serveDns } from '../dns/server.ts'
import type { Zone } from '../dns/zone.ts'
import { wellKnownRecords } from '../names.ts'
import { answerDoh, isDoh } from '../origins/doh.ts'
import type { Handler } from '../origins/exchange.ts'
import { Front } from '../origins/front.ts'
import type { Recorder } from '../origins/recorder.ts'
import { defaultRoutes } from '../origins/routes.ts'
import type { Scripts } from '../origins/scripts.ts'
import { startService, type ServiceContext } from '../services/start.ts'
import { contexts, startOrigins } from './start-origins.ts'
import type { InternetConfig } from './internet-offer.ts'

/** What the internet is made of. */
export interface InternetParts {
  readonly config: InternetConfig
  readonly zone: Zone
  readonly recorder: Recorder
  readonly scripts: Scripts
  readonly respond: ReturnType<typeof dnsResponder>
}

/** Fills the zone and starts resolvers, origins and services. Returns pids of started programs. */
export async function startInternet({
  config,
  zone,
  recorder,
  scripts,
  respond,
}: InternetParts): Promise<Readonly<Record<string, number>>> {
  for (const [name, { v4, v6 }] of config.names) {
    if (v4 !== undefined) zone.set(name, 'A', [[v4]], 60)
    if (v6 !== undefined) zone.set(name, 'AAAA', [[v6]], 60)
  }
  for (const [name, type, value] of wellKnownRecords) zone.set(name, type, [[value]], 60)

  const minter = new Minter(config.authority)
  const hosts = new Map<string, Handler>()
  const places = new Map<string, Handler>()
  const handler: Handler = exchange => {
    const scripted = scripts.find(exchange)
    if (scripted !== undefined) return scripted(exchange)
    if (isDoh(exchange)) return answerDoh(exchange, 'lab', respond)
    return (places.get(exchange.localAddress) ?? hosts.get(exchange.host) ?? defaultRoutes)(exchange)
  }
  const certificate = minter.mint({
    commonName: 'lab.test',
    names: ['lab.test', 'dns.acme.test', ...internetAddresses],
  })
  const front = new Front({
    handler,
    recorder,
    ticketKeys: randomBytes(48),
    contextFor: contexts(minter),
    certificate: { cert: certificate.certPem, key: certificate.keyPem },
  })
  const context: ServiceContext = { config, minter, recorder, front, hosts, places, pids: {} }
  await Promise.all([
    ...Object.values(addresses.resolver).map(address => serveDns(address, 'lab', respond, certificate)),
    ...(config.services.length > 0 ? [startOrigins(front, config.authority.certPem)] : []),
    ...[...new Set(config.services)].map(service => startService(service, context)),
  ])
  return context.pids
}
