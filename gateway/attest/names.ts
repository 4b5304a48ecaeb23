import { readFileSync } from 'node:fs'
import { broken, held, type Case, type Surroundings } from './case.ts'
import { ask, framed, freshName, judgeDenied, question, recordTypes } from './dns.ts'
import { httpGet, judgeTcp, talkTcp, talkTls } from './tcp.ts'
import { judgeUdp, talkUdp } from './udp.ts'

/** Of a documentation network (RFC 5737): nobody's resolver. */
const elsewhere = '203.0.113.53'
const notOurs = 'somebody other than the gateway answers DNS: no packet of the job may go another way than its wire'
const asked = 'the name was asked outside: does the policy allow every name (`**`), or is there another resolver?'

/** What can be done with DNS. */
export function nameCases({ gatewayAddress }: Surroundings): readonly Case[] {
  return [
    ...(['udp', 'tcp'] as const).map((over): Case => ({
      id: 'D1',
      sentence: `DNS over ${over.toUpperCase()} to a resolver elsewhere is answered by the gateway`,
      carriedInAudit: false,
      async try(signal) {
        // Not a host name, so that it is refused in every mode, and by us alone.
        const answer = await ask({ server: elsewhere, over }, question(`no host.${freshName()}`, 1), signal)
        return judgeDenied(elsewhere, answer, notOurs)
      },
    })),
    {
      id: 'D4',
      sentence: 'a name that no rule names is not asked outside',
      carriedInAudit: true,
      async try(signal) {
        const answer = await ask({ server: gatewayAddress, over: 'udp' }, question(freshName(), recordTypes.A), signal)
        return judgeDenied('the gateway', answer, asked)
      },
    },
    {
      id: 'D6',
      sentence: 'nor for its texts',
      carriedInAudit: true,
      async try(signal) {
        const message = question(freshName(), recordTypes.TXT)
        return judgeDenied('the gateway', await ask({ server: gatewayAddress, over: 'udp' }, message, signal), asked)
      },
    },
    {
      id: 'D12',
      sentence: 'a name with a NUL in it is refused',
      carriedInAudit: false,
      async try(signal) {
        const message = question(`allowed\u0000x.${freshName()}`, recordTypes.A)
        return judgeDenied('the gateway', await ask({ server: gatewayAddress, over: 'udp' }, message, signal), asked)
      },
    },
    ...dohCases(gatewayAddress),
    {
      id: 'D3',
      sentence: 'DNS over TLS elsewhere is refused',
      carriedInAudit: true,
      async try(signal) {
        const text = framed(question(freshName(), recordTypes.A)).toString('latin1')
        return judgeTcp(`${elsewhere}:853`, await talkTls({ host: elsewhere, port: 853 }, text, signal), notOurs)
      },
    },
    {
      id: 'D3',
      sentence: 'DNS over QUIC elsewhere is refused',
      carriedInAudit: true,
      try: async signal =>
        judgeUdp(`${elsewhere}:853`, await talkUdp(elsewhere, 853, Buffer.alloc(1_200, 0xc3), signal), notOurs),
    },
    {
      id: 'D3',
      sentence: 'DNS on another port elsewhere is refused',
      carriedInAudit: true,
      try: async signal =>
        judgeUdp(`${elsewhere}:5353`, await talkUdp(elsewhere, 5_353, question(freshName(), 1), signal), notOurs),
    },
    embeddedResolver(),
    metadataName(gatewayAddress),
  ]
}

function dohCases(gatewayAddress: string): readonly Case[] {
  const query = question(freshName(), recordTypes.A).toString('base64url')
  const path = `/dns-query?dns=${query}`
  const change = 'the gateway itself, or something at its address, resolves names over HTTP'
  return [
    {
      id: 'D2',
      sentence: 'the gateway’s address speaks no DNS over HTTPS',
      carriedInAudit: false,
      async try(signal) {
        const outcome = await talkTls({ host: gatewayAddress, port: 443 }, httpGet(gatewayAddress, path), signal)
        return judgeTcp(`${gatewayAddress}:443`, outcome, change)
      },
    },
    {
      id: 'D2',
      sentence: 'nor over plain HTTP',
      carriedInAudit: false,
      async try(signal) {
        const outcome = await talkTcp(gatewayAddress, 80, httpGet(gatewayAddress, path), signal)
        return judgeTcp(`${gatewayAddress}:80`, outcome, change)
      },
    },
  ]
}

/** What container engines put beside a container, which asks from the machine's own network. */
function embeddedResolver(): Case {
  const server = '127.0.0.11'
  const change = 'give the container `network_mode: none` (or that of one which has it): its engine resolves outside'
  return {
    id: 'D7',
    sentence: 'there is no resolver of the container engine',
    carriedInAudit: false,
    async try(signal) {
      const named = readFileSync('/etc/resolv.conf', 'utf8')
      if (/^\s*nameserver\s+127\.0\.0\.11\b/m.test(named)) return broken(`/etc/resolv.conf names ${server}`, change)
      const answer = await ask({ server, over: 'udp' }, question(freshName(), recordTypes.A), signal)
      return answer === undefined ? held : broken(`${server} answers`, change)
    },
  }
}

function metadataName(gatewayAddress: string): Case {
  return {
    id: 'N16',
    sentence: 'the name of a cloud’s metadata service does not resolve',
    carriedInAudit: true,
    async try(signal) {
      const message = question('metadata.google.internal', recordTypes.A)
      const answer = await ask({ server: gatewayAddress, over: 'udp' }, message, signal)
      return judgeDenied(
        'the gateway',
        answer,
        'a rule names it: builds must not have the credentials of their machine',
      )
    },
  }
}
