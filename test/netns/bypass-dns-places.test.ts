import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, type Ending, observed, passes, raid, refused } from './bypass.ts'
import { metadataSecret } from '../lab/services/metadata.ts'
import type { Deed } from './bypass-deed.ts'
import { get } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab(['metadata'])
const allow = ['"https://**.addr.test"', '"http://**.addr.test"']

/** Where an allowed name may turn out to lead. `never`: not even in audit. */
const places: readonly (readonly [label: string, type: 'A' | 'AAAA', address: string, never?: 'never'])[] = [
  ['loopback', 'A', '127.0.0.1', 'never'],
  ['unspecified', 'A', '0.0.0.0', 'never'],
  ['virtual', 'A', '198.18.0.1', 'never'],
  ['link', 'A', '198.19.0.1', 'never'],
  ['group', 'A', '224.0.0.1', 'never'],
  ['everybody', 'A', '255.255.255.255', 'never'],
  ['loopback6', 'AAAA', '::1', 'never'],
  ['mapped-loopback', 'AAAA', '::ffff:127.0.0.1', 'never'],
  ['nat64-loopback', 'AAAA', '64:ff9b::7f00:1', 'never'],
  ['ten', 'A', '10.1.2.3'],
  ['home', 'A', '192.168.1.1'],
  ['carrier', 'A', '100.64.0.1'],
  ['metadata', 'A', '169.254.169.254'],
  ['wire', 'A', '168.63.129.16'],
  ['ula', 'AAAA', 'fd00:ec2::254'],
  ['nat64', 'AAAA', '64:ff9b::a9fe:a9fe'],
]
/** The lab's metadata services have no TLS: there, a connection is tried and fails. */
const speaksHttpOnly: ReadonlySet<string> = new Set(['metadata', 'wire', 'ula'])

function leads(host: string, loot: string, answers: boolean): Ending {
  return answers
    ? observed(/HTTP\/1\.1 200/, { layer: 'http', host, path: `/${loot}`, reason: 'private-address' })
    : { got: /HTTP\/1\.1 502/, line: { host, error: 'UPSTREAM_UNREACHABLE' }, arrives: false }
}

const insides: readonly Attack[] = places.flatMap(([label, , , never_]) =>
  (['http', 'https'] as const).map((scheme): Attack => {
    const host = `${label}.addr.test`
    const deed = (loot: string): Deed => {
      const say = [`GET /${loot} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`]
      return scheme === 'http' ? { do: 'tcp', to: host, port: 80, say } : { do: 'tls', to: host, lax: true, say }
    }
    const refusal = (loot: string): Ending =>
      refused(/HTTP\/1\.1 403[\s\S]*private-address/, {
        layer: 'http',
        host,
        path: `/${loot}`,
        reason: 'private-address',
      })
    return {
      id: 'D10',
      what: `an allowed name that leads to ${label}, by ${scheme}`,
      does: deed,
      block: refusal,
      audit: loot =>
        never_ === 'never' ? refusal(loot) : leads(host, loot, scheme === 'http' || !speaksHttpOnly.has(label)),
    }
  }),
)

/** The resolver's answers are kept 5 s at least, whatever their TTL. */
const outlast: Deed = { do: 'program', file: 'sleep', args: ['5.2'] }
const rebinding: readonly Attack[] = [
  {
    id: 'D10',
    what: 'a name that is public when it is asked for, and private when it is dialled',
    does: loot => ({
      do: 'steps',
      steps: [
        { do: 'tcp', to: 'again.addr.test', port: 80, say: [get('/echo/first', 'again.addr.test')] },
        outlast,
        { do: 'tcp', to: 'again.addr.test', port: 80, say: [get(`/${loot}`, 'again.addr.test')] },
      ],
    }),
    block: loot =>
      refused(/200 OK[\s\S]*403[\s\S]*private-address/, {
        layer: 'http',
        host: 'again.addr.test',
        path: `/${loot}`,
        reason: 'private-address',
      }),
    audit: loot =>
      observed(/200 OK[\s\S]*200/, {
        layer: 'http',
        host: 'again.addr.test',
        path: `/${loot}`,
        reason: 'private-address',
      }),
  },
  {
    id: 'T1',
    what: 'an old virtual address of a name that has moved leads to where the name is now',
    does: loot => ({
      do: 'program',
      file: 'sh',
      args: [
        '-c',
        `a=$(dig +short stale.addr.test); curl --http1.1 -H Connection:close -so /dev/null https://stale.addr.test/; sleep 5.2; curl -sS --resolve stale.addr.test:443:$a https://stale.addr.test/echo/${loot}`,
      ],
    }),
    block: loot =>
      passes(/"target":"\/echo/, {
        layer: 'http',
        host: 'stale.addr.test',
        path: `/echo/${loot}`,
        address: '198.51.100.11',
      }),
    audit: loot =>
      passes(/"target":"\/echo/, {
        layer: 'http',
        host: 'stale.addr.test',
        path: `/echo/${loot}`,
        address: '198.51.100.11',
      }),
  },
]

t.test('D10, T1: where an allowed name leads', { skip }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata'] })
  for (const [label, type, address] of places) await lab.dns.set(`${label}.addr.test`, type, [address])
  for (const mode of ['block', 'audit'] as const) {
    await lab.dns.setInTurn('again.addr.test', 'A', [['198.51.100.10'], ['10.1.2.3']])
    await lab.dns.setInTurn('stale.addr.test', 'A', [['198.51.100.10'], ['198.51.100.11']])
    const { stdout } = await raid(t, lab, { attacks: [...insides, ...rebinding], mode, allow, atOnce: 48 })
    if (mode === 'block') t.notMatch(stdout, metadataSecret, 'no credential of the metadata service was had')
  }
})
