import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { openLab } from './lab.ts'
import { wellKnownNames } from './names.ts'
import { services, type Service } from './servers/internet-offer.ts'

const { values } = parseArgs({
  options: { services: { type: 'string', default: 'all' }, 'no-uplink': { type: 'boolean', default: false } },
})
const wanted = values.services === 'all' ? services : parseServices(values.services)

const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())
await using lab = await openLab({ services: wanted, uplink: !values['no-uplink'] })
const { host, internet, outside, dir, ca, pids, addresses } = lab
console.log(
  JSON.stringify(
    {
      namespaces: { host: host.name, internet: internet.name, sink: outside.name },
      dir,
      ca: ca.certPath,
      env: ca.env,
      pids,
      addresses,
      names: wellKnownNames,
      ssh: { key: lab.file('ssh/id'), knownHosts: lab.file('ssh/known_hosts') },
    },
    null,
    2,
  ),
)
if (!stopping.signal.aborted) await once(stopping.signal, 'abort')

function parseServices(list: string): Service[] {
  return list.split(',').map(name => {
    const service = services.find(known => known === name)
    if (service === undefined) throw new Error(`unknown service ${name}: one of ${services.join(', ')}`)
    return service
  })
}
