import { GatewayError } from '../../gateway/errors.ts'
import { parseAddress } from '../../gateway/net/address.ts'
import { type ProofPlan, proveLink } from '../link/prove.ts'
import { parseInitArguments } from './arguments.ts'
import type { InitCommand } from './program.ts'

const usage = `usage: sidecar-init prove --gateway ADDRESS --device NAME --mode MODE --door N --dns-tcp N --dns-udp N

Proves the wire of the network namespace it runs in, from the values of the
gateway's plan, and prints what was proved, one line each, and 'proved'. It is
the last step of 'link', for whoever has laid the wire: the helper container of
'docker'.

  --gateway ADDRESS  the gateway's end
  --device NAME      its name there, for messages
  --mode MODE        audit or block
  --door N           what the front door answers
  --dns-tcp N        what DNS over TCP answers
  --dns-udp N        what DNS over UDP answers

exit: 0 it holds, 125 it does not, 2 wrong usage
`

/** Its last line. */
export const provedWord = 'proved'

/** `sidecar-init prove`. */
export const proveCommand: InitCommand = {
  name: 'prove',
  summary: 'prove a wire that somebody else has laid here',
  usage,
  async run(args, io) {
    const checks = await proveLink(parseCommandLine(args), io.signal)
    io.stdout.write([...checks, provedWord, ''].join('\n'))
    return 0
  },
}

/** The command line for a plan. Pure. */
export function proveArguments({ gatewayAddress, device, mode, probe }: ProofPlan): readonly string[] {
  const { doorNonce, dnsTcpNonce, dnsUdpNonce } = probe
  const options = {
    gateway: gatewayAddress,
    device,
    mode,
    door: doorNonce,
    'dns-tcp': dnsTcpNonce,
    'dns-udp': dnsUdpNonce,
  }
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`)
}

function parseCommandLine(args: readonly string[]): ProofPlan {
  const { values } = parseInitArguments('prove', {
    args: [...args],
    options: {
      gateway: { type: 'string' },
      device: { type: 'string' },
      mode: { type: 'string' },
      door: { type: 'string' },
      'dns-tcp': { type: 'string' },
      'dns-udp': { type: 'string' },
    },
  })
  const { gateway, device, mode, door, 'dns-tcp': dnsTcpNonce, 'dns-udp': dnsUdpNonce } = values
  const gatewayAddress = parseAddress(gateway ?? '')
  if (gatewayAddress === undefined || device === undefined || (mode !== 'audit' && mode !== 'block')) throw incomplete()
  if (door === undefined || dnsTcpNonce === undefined || dnsUdpNonce === undefined) throw incomplete()
  return { gatewayAddress, device, mode, probe: { doorNonce: door, dnsTcpNonce, dnsUdpNonce } }
}

function incomplete(): GatewayError {
  return new GatewayError('USAGE', "prove: every value of the plan is needed (see 'sidecar-init prove --help')")
}
