import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAddress } from '../../../gateway/net/address.ts'
import { parsePort } from '../../../gateway/net/port.ts'
import { findInProcNet } from '../../../gateway/packet/proc-net.ts'

function at(raw: string, number: number) {
  const [address, port] = [parseAddress(raw), parsePort(number)]
  if (address === undefined || port === undefined) throw new TypeError('not an address and port')
  return { address, port }
}

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const row = (local: string, remote: string, state: string, uid: number, inode: number): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 00000000c825b72f 100 0 0 10 0\n`

/** 198.19.4.2, port 40000, to 198.18.0.10, port 443, as the kernel prints them. */
const [local, remote] = ['020413C6:9C40', '0A0012C6:01BB']
const [job, origin] = [at('198.19.4.2', 40_000), at('198.18.0.10', 443)]
const mapped = (end: string): string => `0000000000000000FFFF0000${end}`

/** A folder like /proc/PID/net with these tables. */
function tables(t: Test, rows: Readonly<Record<string, string>>): string {
  const folder = join(t.testdir(), 'net')
  mkdirSync(folder)
  for (const name of ['tcp', 'tcp6', 'udp', 'udp6']) writeFileSync(join(folder, name), head + (rows[name] ?? ''))
  return folder
}

const tcp: readonly (readonly [sentence: string, rows: Readonly<Record<string, string>>, inode: number | undefined])[] =
  [
    ['the connection', { tcp: row(local, remote, '01', 1_000, 77) }, 77],
    ['the connection of a socket of both families', { tcp6: row(mapped(local), mapped(remote), '01', 1_000, 78) }, 78],
    ['one that is still being opened', { tcp: row(local, remote, '02', 0, 79) }, 79],
    ['a remnant that nobody holds', { tcp: row(local, remote, '06', 0, 0) }, undefined],
    ['a listener on the port', { tcp: row('00000000:9C40', '00000000:0000', '0A', 0, 80) }, undefined],
    ['the same port to another address', { tcp: row(local, '0B0012C6:01BB', '01', 0, 81) }, undefined],
    ['the same port to another port', { tcp: row(local, '0A0012C6:0050', '01', 0, 82) }, undefined],
    ['the port as that of the other end', { tcp: row('020413C6:01BB', '0A0012C6:9C40', '01', 0, 83) }, undefined],
    ['a line that is cut', { tcp: row(local, remote, '01', 0, 84).slice(0, 40) }, undefined],
  ]
for (const [sentence, rows, inode] of tcp) {
  t.test(`findInProcNet(): tcp: ${sentence}: ${inode === undefined ? 'nobody' : 'found'}`, async t => {
    t.equal(findInProcNet(tables(t, rows), 'tcp', job, origin)?.inode, inode)
  })
}

const open = '00000000:0000'
const udp: typeof tcp = [
  ['one that is connected', { udp: row(local, remote, '01', 0, 90) }, 90],
  ['one that is not', { udp: row('00000000:9C40', open, '07', 0, 91) }, 91],
  ['one of both families', { udp6: row(`${'0'.repeat(32)}:9C40`, `${'0'.repeat(32)}:0000`, '07', 0, 92) }, 92],
  ['one bound to its address', { udp: row(local, open, '07', 0, 93) }, 93],
  [
    'one connected to that port elsewhere (its destination was rewritten)',
    { udp: row(local, '01010101:01BB', '01', 0, 94) },
    94,
  ],
  ['one connected to another port', { udp: row(local, '01010101:0035', '01', 0, 95) }, undefined],
  ['one bound to another address', { udp: row('030413C6:9C40', open, '07', 0, 96) }, undefined],
  [
    'two that share the port',
    { udp: row('00000000:9C40', open, '07', 0, 97) + row('00000000:9C40', open, '07', 0, 98) },
    undefined,
  ],
  [
    'one of each family that share the port',
    {
      udp: row('00000000:9C40', open, '07', 0, 97),
      udp6: row(`${'0'.repeat(32)}:9C40`, `${'0'.repeat(32)}:0000`, '07', 0, 98),
    },
    undefined,
  ],
  ['the exact one of several', { udp: row('00000000:9C40', open, '07', 0, 97) + row(local, remote, '01', 5, 99) }, 99],
]
for (const [sentence, rows, inode] of udp) {
  t.test(`findInProcNet(): udp: ${sentence}: ${inode === undefined ? 'nobody' : 'found'}`, async t => {
    t.equal(findInProcNet(tables(t, rows), 'udp', job, origin)?.inode, inode)
  })
}

t.test('findInProcNet(): whose it is', async t => {
  t.strictSame(findInProcNet(tables(t, { tcp: row(local, remote, '01', 1_000, 77) }), 'tcp', job, origin), {
    inode: 77,
    uid: 1_000,
  })
})

t.test('findInProcNet(): a table that is too long, or not there, says nothing', async t => {
  const long = row(local, remote, '01', 0, 77) + row(open, open, '06', 0, 0).repeat(12_000)
  t.equal(findInProcNet(tables(t, { tcp: long }), 'tcp', job, origin), undefined)
  t.equal(findInProcNet('/nonexistent', 'tcp', job, origin), undefined)
})
