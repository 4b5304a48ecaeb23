// Whatever is wrong with the machine or the command line: one clear first line, the exit code of the contract, the command
// is not started, and nothing is left behind.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { openLab, type Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { leftBehind } from '../netns/left-behind.ts'
import { blockPolicy, tidegate } from './behind.ts'

t.setTimeout(120_000)
const skip = whyNoLab()

/** A wrong run: what is wrong, what stands before `--`, what the first line says; 125 unless something else is said. */
interface Wrong {
  readonly options?: readonly string[]
  readonly line: RegExp
  readonly code?: number
  readonly command?: readonly string[]
  /** A shell line of the host, in a mount namespace of its own, that makes it wrong; then runs `"$@"`. */
  readonly where?: string
}

/** Runs it, in a lab whose `good.yaml` is a policy, and checks all of the promise. */
async function check(
  t: Test,
  lab: Lab,
  { options = ['--policy', lab.file('good.yaml')], line, code = 125, command, where = '' }: Wrong,
) {
  const marker = lab.file('started')
  const args = ['run', ...options, ...(command ?? ['--', 'touch', marker])]
  const { exitCode, stdout, stderr } = await lab.host.exec('unshare', [
    '--mount',
    'sh',
    '-ec',
    `${where}\nexec "$@"`,
    'sh',
    tidegate,
    ...args,
  ])
  const [first = ''] = stderr.split('\n')
  t.equal(exitCode, code, stderr)
  t.match(first, /^tidegate: /, 'who speaks')
  t.match(first, line)
  t.notMatch(stderr, /internal error|\n {4}at |node:internal/, 'no trace of the program')
  t.equal(stdout, '')
  t.notOk(existsSync(marker), 'the command was not started')
  t.equal(await leftBehind(lab), '')
  return stderr
}

async function openPlainLab(): Promise<Lab> {
  const lab = await openLab({ services: [] })
  writeFileSync(lab.file('good.yaml'), blockPolicy([]))
  return lab
}

t.test('the command line', { skip }, async t => {
  await using lab = await openPlainLab()
  const good = ['--policy', lab.file('good.yaml')]
  mkdirSync(lab.file('folder'))
  writeFileSync(lab.file('plain'), 'true\n')
  writeFileSync(lab.file('rubbish.yaml'), Buffer.from([0xff, 0xfe, 0, 1, 2, 3, 0x80]))
  writeFileSync(lab.file('empty.yaml'), '')
  writeFileSync(lab.file('extra.yaml'), blockPolicy([], `tls:\n  extraCa: [${lab.file('no-such-ca.pem')}]\n`))
  writeFileSync(lab.file('not-pem.yaml'), blockPolicy([], `tls:\n  extraCa: [${lab.file('plain')}]\n`))
  const cases: readonly (readonly [sentence: string, wrong: Wrong])[] = [
    ['an unknown option', { options: ['--polcy', 'x'], line: /'--polcy'/ }],
    ['an option without a value', { options: ['--policy'], line: /--policy/ }],
    ['no --', { command: ['true'], line: /'true' stands/ }],
    ['nothing after --', { command: ['--'], line: /there is no command/ }],
    ['no policy at all', { options: [], line: /no policy/ }],
    [
      'a policy that is not there',
      { options: ['--policy', '/nonexistent.yaml'], line: /\/nonexistent\.yaml cannot be read/ },
    ],
    ['a policy that is a folder', { options: ['--policy', lab.file('folder')], line: /cannot be read/ }],
    ['a policy that is no text', { options: ['--policy', lab.file('rubbish.yaml')], line: /rubbish\.yaml/ }],
    ['a policy without a word', { options: ['--policy', lab.file('empty.yaml')], line: /empty\.yaml/ }],
    ['a mode that does not exist', { options: [...good, '--mode', 'strict'], line: /'strict'/ }],
    ['a name that is no name', { options: [...good, '--job', '../x'], line: /'\.\.\/x'/ }],
    ['a user that does not exist', { options: [...good, '--user', 'nobody-at-all'], line: /'nobody-at-all'/ }],
    ['metrics nowhere', { options: [...good, '--metrics', 'localhost'], line: /'localhost'/ }],
    [
      'metrics on another machine',
      { options: [...good, '--metrics', '203.0.113.9:9464'], line: /203\.0\.113\.9:9464/ },
    ],
    ['an output folder that is a file', { options: [...good, '--out', lab.file('plain')], line: /plain/ }],
    ['an output folder that nobody can make', { options: [...good, '--out', '/proc/x'], line: /\/proc\/x/ }],
    ['an authority that is not there', { options: ['--policy', lab.file('extra.yaml')], line: /no-such-ca\.pem/ }],
    ['an authority that is none', { options: ['--policy', lab.file('not-pem.yaml')], line: /plain/ }],
    [
      'a command that does not exist',
      { command: ['--', 'tidegate-no-such-command'], line: /tidegate-no-such-command/, code: 127 },
    ],
    ['a command that cannot be executed', { command: ['--', lab.file('plain')], line: /plain/, code: 126 }],
  ]
  for (const [sentence, wrong] of cases) await t.test(sentence, async t => void (await check(t, lab, wrong)))
})

t.test('a policy with twenty faults: all twenty, each with its place', { skip }, async t => {
  await using lab = await openPlainLab()
  const faults = [
    'version: 2',
    'mode: strict',
    'use: [no-such-preset]',
    'allow:',
    '  - "*"',
    '  - "https://exa mple.test"',
    '  - https://example..test',
    '  - ftp://example.test',
    '  - tcp://example.test',
    '  - udp://example.test',
    '  - https://example.test:0',
    '  - https://example.test:99999',
    '  - 10.0.0.1',
    '  - tls://example.test/path',
    '  - https://user@example.test/',
    '  - { to: https://example.test, maxRequestBytes: -1 }',
    'deny:',
    '  - https://Example.TEST.',
    'private: [10.0.0.0/33]',
    'tls:',
    '  inspect: some',
    '  extraCa: 7',
    'onLogFailure: shrug',
  ]
  writeFileSync(lab.file('faulty.yaml'), `${faults.join('\n')}\n`)
  const stderr = await check(t, lab, {
    options: ['--policy', lab.file('faulty.yaml')],
    line: /faulty\.yaml has 20 faults \(POLICY_INVALID\)$/,
  })
  const told = stderr.trimEnd().split('\n').slice(1)
  t.equal(told.length, 20, stderr)
  const places = told.map(line => Number(/faulty\.yaml:(\d+):\d+: error /.exec(line)?.[1]))
  const wrong = faults.flatMap((line, index) => (/^(allow|deny|tls):$/.test(line) ? [] : [index + 1]))
  t.strictSame(places, wrong, 'each with its line')
})

t.test('the machine', { skip }, async t => {
  await using lab = await openPlainLab()
  const cover = (file: string, by: string): string => `mount --bind ${by} $(readlink -f ${file})`
  writeFileSync(lab.file('resolv.garbage'), 'nameserver localhost\nsearch x\n\0\0nameserver\n;nameserver 192.0.2.1\n')
  writeFileSync(lab.file('resolv.empty'), '')
  const broken = lab.file('broken-nft')
  writeFileSync(
    broken,
    '#!/bin/sh\necho "netlink: Error: cache initialization failed: Operation not supported" >&2\nexit 1\n',
    { mode: 0o755 },
  )
  const taken = lab.host.spawn('socat', ['TCP-LISTEN:9464,fork,reuseaddr', 'SYSTEM:true'], { stdio: 'ignore' })
  const noResolver = `cp -a /etc ${lab.dir}/etc; umount /etc/resolv.conf; rm ${lab.dir}/etc/resolv.conf; mount --bind ${lab.dir}/etc /etc`
  const cases: readonly (readonly [sentence: string, wrong: Wrong])[] = [
    [
      'without root',
      // The test runner's own hook may not write its notes as somebody else.
      {
        where: 'unset NODE_OPTIONS; set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"',
        line: /needs root with .*NET_ADMIN/,
      },
    ],
    [
      'root without the capability',
      { where: 'set -- setpriv --bounding-set=-net_admin --inh-caps=-all "$@"', line: /needs root with .*NET_ADMIN/ },
    ],
    [
      'without nft',
      { where: cover('/usr/sbin/nft', '/dev/null'), line: /not installed: nft \(Debian: apt-get install nftables\)/ },
    ],
    [
      'without nft and tini',
      {
        where: `${cover('/usr/sbin/nft', '/dev/null')}; ${cover('/usr/bin/tini', '/dev/null')}`,
        line: /not installed: nft, tini .*nftables tini/,
      },
    ],
    [
      'with a kernel that has no packet filter',
      { where: cover('/usr/sbin/nft', broken), line: /netlink: Error: cache initialization failed.* \(NFT_REJECTED\)/ },
    ],
    ['without a resolv.conf', { where: noResolver, line: /resolv\.conf/ }],
    ['with an empty resolv.conf', { where: cover('/etc/resolv.conf', lab.file('resolv.empty')), line: /resolv\.conf/ }],
    [
      'with a resolv.conf that names nobody',
      { where: cover('/etc/resolv.conf', lab.file('resolv.garbage')), line: /resolv\.conf/ },
    ],
    [
      'with a port in use',
      {
        options: ['--policy', lab.file('good.yaml'), '--out', lab.file('port'), '--metrics', '127.0.0.1:9464'],
        line: /127\.0\.0\.1:9464/,
      },
    ],
    [
      'with a full disk',
      {
        options: ['--policy', lab.file('good.yaml'), '--out', lab.file('disk/out')],
        where: `mkdir -p ${lab.file('disk')}; mount -t tmpfs -o nr_inodes=2,size=4k x ${lab.file('disk')}`,
        line: /disk\/out/,
      },
    ],
    [
      'with an output folder on a read-only disk',
      {
        options: ['--policy', lab.file('good.yaml'), '--out', lab.file('fixed/out')],
        where: `mkdir -p ${lab.file('fixed')}; mount -t tmpfs -o ro x ${lab.file('fixed')}`,
        line: /fixed\/out/,
      },
    ],
  ]
  for (const [sentence, wrong] of cases) await t.test(sentence, async t => void (await check(t, lab, wrong)))
  const last: unknown = JSON.parse(readFileSync(lab.file('port/egress.ndjson'), 'utf8').trim().split('\n').at(-1) ?? '')
  t.match(last, { event: 'sealed' }, 'a start that failed is on record, and sealed')
  taken.kill()
})
