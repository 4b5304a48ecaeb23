import { execa } from 'execa'
import t from 'tap'
import { type Address, parseAddress } from '../../../gateway/net/address.ts'
import { parsePort, type Port } from '../../../gateway/net/port.ts'
import { renderRuleset, type RulesetInput } from '../../../gateway/packet/ruleset.ts'
import { parseTable } from '../../../gateway/packet/table-reading.ts'

const cannot = (await execa('unshare', ['-n', 'nft', 'list', 'tables'], { reject: false })).exitCode !== 0
const skip = cannot && 'needs root and nft'
if (cannot && process.env['TIDEGATE_REQUIRE_ALL'] === '1') throw new Error('needs root and nft')

function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new TypeError(text)
  return parsed
}

function port(number: number): Port {
  const parsed = parsePort(number)
  if (parsed === undefined) throw new TypeError(String(number))
  return parsed
}

const input: RulesetInput = {
  table: 'tidegate_0001',
  device: 'tg0001',
  gatewayAddress: address('198.19.0.5'),
  jobAddress: address('198.19.0.6'),
  mode: 'block',
  steering: 'tproxy',
  doorPort: port(4001),
  dnsTcpPort: port(4002),
  dnsUdpPort: port(4003),
  udpFrontPort: port(4004),
  udpRanges: [],
  trackedFlows: 16_384,
}

const overlapping = [
  { to: '198.51.100.0/24', from: port(123), upTo: port(200) },
  { to: '198.51.100.7', from: port(123), upTo: port(123) },
  { to: '0.0.0.0/0', from: port(1), upTo: port(65_535) },
]

/** Runs a script in a network namespace of its own. */
async function inNamespace(script: string, stdin: string) {
  return execa('unshare', ['-n', 'sh', '-ec', script], { input: stdin, reject: false })
}

for (const [sentence, change] of [
  ['in block mode', {}],
  ['in audit mode', { mode: 'audit' }],
  ['with UDP rules that overlap', { udpRanges: overlapping }],
  ['by redirection', { steering: 'redirect' }],
  ['by redirection in audit mode', { steering: 'redirect', mode: 'audit' }],
] as const) {
  t.test(`renderRuleset(): loads, and loads again over itself, ${sentence}`, { skip }, async t => {
    const script = renderRuleset({ ...input, ...change })
    const list = 'nft -j list table inet tidegate_0001'
    const { stdout, stderr, exitCode } = await inNamespace(
      `f=$(mktemp); cat >$f; nft -f $f; ${list}; nft -f $f; ${list}; rm $f`,
      script,
    )
    t.equal(exitCode, 0, stderr)
    const [first, second] = stdout.split('\n').map(parseTable)
    t.match(first?.digest, /^[0-9a-f]{64}$/)
    t.equal(first?.digest, second?.digest, 'and is the same table')
    t.strictSame(first?.counts, [])
  })
}

t.test('renderRuleset(): leaves the machine’s own tables and interfaces alone', { skip }, async t => {
  const own =
    'table inet firewall { chain input { type filter hook input priority filter; policy drop; ct state established accept; }; }'
  const { stdout, exitCode } = await inNamespace(
    `nft '${own}'; nft list ruleset >/tmp/tidegate-$$; nft -f -; nft delete table inet tidegate_0001; nft list ruleset | diff - /tmp/tidegate-$$; rm /tmp/tidegate-$$`,
    renderRuleset(input),
  )
  t.equal(exitCode, 0)
  t.equal(stdout, '')
})

t.test('renderRuleset(): each base chain lets other interfaces pass before its first verdict', async t => {
  const kinds = (['block', 'audit'] as const).flatMap(mode =>
    (['tproxy', 'redirect'] as const).map(steering => renderRuleset({ ...input, mode, steering })),
  )
  for (const script of kinds) {
    const chains = script.split(/\n  chain /).slice(1)
    t.equal(chains.length, 7)
    for (const chain of chains) {
      const rules = chain
        .split('\n')
        .slice(1)
        .map(line => line.trim())
        .filter(line => line !== '' && !/^(?:comment|type|#|\}|\{)/.test(line))
      const guarded = rules.findIndex(rule => /^[io]ifname != "tg0001" accept/.test(rule))
      const bare = rules.findIndex(rule => !/[io]ifname/.test(rule))
      t.ok(bare === -1 || (guarded !== -1 && guarded < bare), chain.slice(0, 40))
    }
  }
})

t.test('renderRuleset(): a change of a rule changes the digest, traffic does not', { skip }, async t => {
  const { stdout, exitCode, stderr } = await inNamespace(
    `nft -f -; nft -j list table inet tidegate_0001
     nft add element inet tidegate_0001 denied { 203.0.113.1 . udp . 443 }; nft -j list table inet tidegate_0001
     nft add rule inet tidegate_0001 never_through accept; nft -j list table inet tidegate_0001`,
    renderRuleset(input),
  )
  t.equal(exitCode, 0, stderr)
  const [before, traffic, changed] = stdout.split('\n').map(parseTable)
  t.equal(before?.digest, traffic?.digest)
  t.not(before?.digest, changed?.digest)
})

t.test('renderRuleset(): rules are replaced in one step, and what was counted stays', { skip }, async t => {
  const scripts = [renderRuleset(input), renderRuleset({ ...input, mode: 'audit', udpRanges: overlapping }, 'keep')]
  const { stdout, exitCode, stderr } = await inNamespace(
    `f=$(mktemp -d); cat >$f/all; csplit -sz -f $f/part $f/all '/^=$/' ; sed -i 1d $f/part01; nft -f $f/part00
     nft add element inet tidegate_0001 denied { 203.0.113.1 . udp . 443 counter packets 7 bytes 70 }
     nft -f $f/part01; nft -j list table inet tidegate_0001; nft -f - <$f/part01; rm -r $f`,
    scripts.join('=\n'),
  )
  t.equal(exitCode, 0, stderr)
  const [json = ''] = stdout.split('\n')
  t.match(parseTable(json)?.counts, [{ address: '203.0.113.1', protocol: 'udp', port: 443, packets: 7 }])
  const fresh = await inNamespace(
    'nft -f -; nft -j list table inet tidegate_0001',
    renderRuleset({ ...input, mode: 'audit', udpRanges: overlapping }),
  )
  t.equal(parseTable(json)?.digest, parseTable(fresh.stdout)?.digest, 'the table is as if it had been made so')
})

t.test('renderRuleset(): rules of a table that is gone are not replaced', { skip }, async t => {
  const { exitCode } = await inNamespace('nft -f -', renderRuleset(input, 'keep'))
  t.not(exitCode, 0)
})
