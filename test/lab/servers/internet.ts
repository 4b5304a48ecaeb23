import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { markerPort, wires } from '../addresses.ts'
import { dnsResponder, type DnsQuery } from '../dns/server.ts'
import { Zone } from '../dns/zone.ts'
import { Recorder } from '../origins/recorder.ts'
import { Scripts } from '../origins/scripts.ts'
import { openChannel } from './channel.ts'
import type { InternetOffer, LabOffer } from './internet-offer.ts'
import { endWithParent } from './parent-watch.ts'
import { startInternet } from './start-internet.ts'

const zone = new Zone()
const recorder = new Recorder()
let queries: DnsQuery[] = []
const respond = dnsResponder(zone, query => queries.push(query))
const marker = createSocket({ type: 'udp4' })
  .on('error', () => {})
  .bind(0)
await once(marker, 'listening')

const offer: InternetOffer = {
  start: config => startInternet({ config, zone, recorder, scripts, respond }),
  setRecords: (name, type, turns, ttl) => zone.set(name, type, turns, ttl),
  removeName: (name, type) => zone.remove(name, type),
  failName: (name, failure) => zone.fail(name, failure),
  delayName: (name, delayMs) => zone.delay(name, delayMs),
  queries: () => queries,
  clearQueries() {
    queries = []
  },
  connections: () => recorder.connections(),
  requests: () => recorder.requests(),
  clearRequests: () => recorder.clear(),
  script: (host, path, reply) => scripts.set(host, path, reply),
  unscript: (host, path) => scripts.delete(host, path),
  async mark(wire, token) {
    const { promise, resolve } = Promise.withResolvers<void>()
    marker.send(token, markerPort, wires[wire].marker.v4, () => resolve())
    await promise
  },
}
const scripts = new Scripts(openChannel<LabOffer>(process, { ...offer }))
endWithParent()
