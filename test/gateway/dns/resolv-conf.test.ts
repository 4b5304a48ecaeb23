import t from 'tap'
import { parseResolvConf } from '../../../gateway/dns/resolv-conf.ts'

const cases: readonly [string, string, object][] = [
  ['one server', 'nameserver 192.0.2.1\n', { servers: [{ address: '192.0.2.1', port: 53 }] }],
  [
    'comments, white space and CRLF',
    '# a comment\r\n; another\r\n\tnameserver\t192.0.2.1 # here\r\nnameserver 2001:DB8::53\r\n',
    {
      servers: [
        { address: '192.0.2.1', port: 53 },
        { address: '2001:db8::53', port: 53 },
      ],
    },
  ],
  ['a zone', 'nameserver fe80::1%eth0', { servers: [{ address: 'fe80::1%eth0', port: 53 }] }],
  ['a resolver on loopback', 'nameserver 127.0.0.53', { servers: [{ address: '127.0.0.53', port: 53 }] }],
  [
    'what only clients need',
    'search a.test b.test\noptions ndots:5 rotate\nnameserver 192.0.2.1',
    { servers: [{ address: '192.0.2.1', port: 53 }] },
  ],
  [
    'timeout and attempts',
    'nameserver 192.0.2.1\noptions timeout:2 attempts:4\noptions edns0',
    { servers: [{ address: '192.0.2.1', port: 53 }], tryMs: 2_000, tries: 4 },
  ],
  [
    'values out of range',
    'nameserver 192.0.2.1\noptions timeout:999 attempts:0',
    { servers: [{ address: '192.0.2.1', port: 53 }], tryMs: 30_000, tries: 1 },
  ],
  [
    'what is no address',
    'nameserver example.test\nnameserver 192.0.2.1%eth0\nnameserver 010.0.0.1\nnameserver 192.0.2.1',
    { servers: [{ address: '192.0.2.1', port: 53 }] },
  ],
]
for (const [name, text, expected] of cases) {
  t.test(`parseResolvConf(): reads ${name}`, async t => {
    t.same(parseResolvConf(text), expected)
  })
}

t.test('parseResolvConf(): keeps eight servers at most', async t => {
  const text = Array.from({ length: 20 }, (_, index) => `nameserver 192.0.2.${index}`).join('\n')
  t.equal(parseResolvConf(text).servers.length, 8)
})

for (const [name, text] of [
  ['nothing', ''],
  ['no server', 'search example.test\n# nameserver 192.0.2.1\n'],
] as const) {
  t.test(`parseResolvConf(): ${name} is NO_RESOLVER`, async t => {
    t.throws(() => parseResolvConf(text), { code: 'NO_RESOLVER' })
  })
}
