import { parsePort } from '../../../gateway/net/port.ts'
import type { RulesetInput } from '../../../gateway/packet/ruleset.ts'
import { slotNumbered } from '../../../gateway/packet/slots.ts'

const port = parsePort(4_000)
if (port === undefined) throw new TypeError('not a port')
const { table, device, gatewayAddress, jobAddress } = slotNumbered(1)

/** A table of which only little matters. */
export const someTable: RulesetInput = {
  table,
  device,
  gatewayAddress,
  jobAddress,
  mode: 'audit',
  steering: 'tproxy',
  doorPort: port,
  dnsTcpPort: port,
  dnsUdpPort: port,
  udpFrontPort: port,
  udpRanges: [],
  trackedFlows: 1,
}
