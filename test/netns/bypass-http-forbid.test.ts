import t from 'tap'
import { hello } from '../gateway/door/hello.ts'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { type Attack, type Ending, raid } from './bypass.ts'
import type { Deed } from './bypass-deed.ts'
import { anyAlert, http, https } from './bypass-words.ts'

t.setTimeout(120_000)
const skip = whyNoLab()

// A part of one host is forbidden. In audit that host must stay readable: each of these is a way to make the gateway stop
// reading, and to go on to the forbidden part unseen.
const host = 'api.acme.test'
const bad = 'expired.acme.test'
const allow = [`https://${host}`, `https://${bad}`, 'https://other.acme.test', 'http://apt.acme.test']
const further = `forbid:\n  - POST https://${host}/gists/**\n  - POST https://${bad}/gists/**\n  - https://apt.acme.test/x\n  - http://apt.acme.test/gists/**\n  - "**.drop.test"\n`

const goal = (loot: string, to = host): string =>
  `POST /gists/${loot} HTTP/1.1\r\nHost: ${to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
function stopped(id: string, what: string, does: (loot: string) => Deed, got: RegExp, line: Ending['line']): Attack {
  const ending = (): Ending => ({ got, ...(line === undefined ? {} : { line }), arrives: false })
  return { id, what, does, block: ending, audit: ending }
}

const forbidden = { verdict: 'deny', reason: 'forbidden' } as const
const attacks: readonly Attack[] = [
  stopped('T2', 'the forbidden part itself', loot => https(host, goal(loot)), /403[\s\S]*reason forbidden/, {
    layer: 'http',
    host,
    method: 'POST',
    ...forbidden,
  }),
  stopped(
    'T2',
    'the same with its path escaped',
    loot => https(host, goal(loot).replace('/gists', '/%67ists')),
    /403[\s\S]*reason forbidden/,
    { layer: 'http', host, ...forbidden },
  ),
  stopped(
    'T10',
    'the same with a path that can be read in two ways',
    loot => https(host, goal(loot).replace('/gists', '/a/..%2fgists')),
    /400[\s\S]*reason malformed/,
    { layer: 'http', host, verdict: 'deny', reason: 'malformed' },
  ),
  stopped(
    'T10',
    'behind a head that cannot be read',
    loot => https(host, `GET / HTTP/1.1\nHost: ${host}\n\n`, goal(loot)),
    /400[\s\S]*reason malformed/,
    { layer: 'http', host, verdict: 'deny', reason: 'malformed' },
  ),
  stopped(
    'T10',
    'behind a chunk that cannot be read',
    loot =>
      https(host, `POST /echo HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n`, `zz\r\n${goal(loot)}`),
    /400[\s\S]*reason malformed/,
    { layer: 'http', host, verdict: 'deny', reason: 'malformed' },
  ),
  stopped(
    'T8',
    'behind CONNECT',
    loot => https(host, `CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`, goal(loot)),
    /403/,
    { layer: 'http', host, method: 'CONNECT', verdict: 'deny', reason: 'method' },
  ),
  stopped(
    'T8',
    'behind an upgrade that nobody knows',
    loot => https(host, `GET / HTTP/1.1\r\nHost: ${host}\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n`, goal(loot)),
    /403[\s\S]*reason upgrade/,
    { layer: 'http', host, verdict: 'deny', reason: 'upgrade' },
  ),
  stopped(
    'T5',
    'behind TLS without a name',
    loot => ({
      do: 'tcp',
      to: host,
      port: 443,
      say: [{ hex: hello({ extensions: [[0xfafa, Buffer.from(loot)]] }).toString('hex') }],
    }),
    anyAlert,
    { layer: 'tls', host, verdict: 'deny', reason: 'no-sni' },
  ),
  stopped(
    'T1',
    'on the address of another allowed name',
    loot => ({ do: 'tls', to: 'other.acme.test', sni: host, lax: true, say: [goal(loot)] }),
    /421|403/,
    { layer: 'http', host, verdict: 'deny' },
  ),
  stopped(
    'T1',
    'on its address, as a literal',
    loot => ({ do: 'tls', to: '198.51.100.10', sni: host, lax: true, say: [goal(loot)] }),
    /421|403/,
    { layer: 'http', host, verdict: 'deny' },
  ),
  stopped('T2', 'from another allowed host', loot => https('other.acme.test', goal(loot)), /421|403/, {
    layer: 'http',
    host: 'other.acme.test',
    verdict: 'deny',
  }),
  stopped(
    'T7',
    'behind a protocol that is no HTTP',
    loot => ({ do: 'tls', to: host, alpn: ['x'], lax: true, say: [goal(loot)] }),
    /./,
    { layer: 'tls', host, verdict: 'deny', reason: 'protocol' },
  ),
  stopped(
    'T7',
    'as HTTP/2 without TLS',
    loot => http('apt.acme.test', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${loot}`),
    /ECONNRESET/,
    { layer: 'tcp', host: 'apt.acme.test', verdict: 'deny', reason: 'protocol' },
  ),
  stopped(
    'T12',
    'at an origin whose certificate is bad',
    loot => https(bad, goal(loot, bad)),
    /HTTP\/1\.1 (?:502|403)/,
    { layer: 'http', host: bad, verdict: 'deny', reason: 'forbidden' },
  ),
  stopped(
    'T11',
    'after a client has refused our certificate',
    loot => ({
      do: 'steps',
      steps: [
        { do: 'program', file: 'curl', args: ['-s', '--cacert', '/dev/null', `https://${host}/`] },
        {
          do: 'program',
          file: 'openssl',
          args: [
            's_client',
            '-brief',
            '-verify_return_error',
            '-CAfile',
            '/etc/hostname',
            '-connect',
            `${host}:443`,
            '-servername',
            host,
          ],
        },
        https(host, goal(loot)),
      ],
    }),
    /403[\s\S]*reason forbidden/,
    { layer: 'http', host, ...forbidden },
  ),
  ...(
    [
      ['Host with an empty port', 'GET', '/#', 'a.drop.test:'],
      ['Host with a user', 'GET', '/#', 'x@a.drop.test'],
      ['Host beside a strange absolute target', 'GET', 'https://elsewhere.acme.test/#', 'a.drop.test'],
      ['an absolute target of another scheme', 'GET', 'http://a.drop.test/#', 'other.acme.test'],
      ['Host beside a path that can be read in two ways', 'GET', '/a\\#', 'a.drop.test'],
      ['a tunnel', 'CONNECT', 'a.drop.test:443', '#'],
    ] as const
  ).map(([what, method, target, asked]) =>
    stopped(
      'T2',
      `a forbidden host behind another, by ${what}`,
      loot => {
        const head = `${method} ${target} HTTP/1.1\r\nHost: ${asked}\r\nConnection: close\r\n\r\n`
        return https('other.acme.test', head.replace('#', loot))
      },
      /tidegate: denied/,
      { layer: 'http', host: 'other.acme.test', verdict: 'deny' },
    ),
  ),
  stopped(
    'A1',
    'a forbidden method as the one to act on',
    loot =>
      https(host, goal(loot).replace('POST', 'PUT').replace('Content-Length', 'X-HTTP-Method: POST\r\nContent-Length')),
    /403[\s\S]*reason forbidden/,
    { layer: 'http', host, method: 'PUT', ...forbidden },
  ),
  stopped(
    'D4',
    'a forbidden name',
    () => ({ do: 'program', file: 'dig', args: ['+short', 'a.drop.test'] }),
    /^\[exit 0\]/,
    { layer: 'dns', host: 'a.drop.test', rcode: 'NXDOMAIN', ...forbidden },
  ),
]

t.test(
  'T1, T2, T5, T7, T8, T10, T11, T12: what is forbidden is forbidden in audit, and nothing that could hide it passes unread',
  { skip },
  async t => {
    await using lab = await openLab({})
    await lab.serve('*.drop.test')
    for (const mode of ['block', 'audit'] as const) await raid(t, lab, { attacks, mode, allow, further, atOnce: 4 })
  },
)
