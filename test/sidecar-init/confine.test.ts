import t from 'tap'
import { filterOf, type Instruction } from '../../sidecar-init/confine.ts'

/** A system call as a filter sees it (struct seccomp_data). */
interface Call {
  readonly architecture: number
  readonly number: number
  readonly first?: number
  readonly second?: number
}

/** What the kernel would do: the value of the instruction that returns. */
function verdict(filter: readonly Instruction[], { architecture, number, first = 0, second = 0 }: Call): number {
  const fields = new Map([
    [0, number],
    [4, architecture],
    [16, first],
    [24, second],
  ])
  let loaded = 0
  for (let at = 0; at < filter.length; at += 1) {
    const [operation, ifTrue, ifFalse, value] = filter[at] ?? [0, 0, 0, 0]
    if (operation === 0x20) loaded = fields.get(value) ?? NaN
    else if (operation === 0x54) loaded = (loaded & value) >>> 0
    else if (operation === 0x15) at += loaded === value ? ifTrue : ifFalse
    else if (operation === 0x06) return value
    else throw new RangeError(`no such operation: ${operation}`)
  }
  throw new RangeError('the filter has no end')
}

const allowed = 0x7fff0000
const errno = (number: number): number => 0x00050000 | number
const x32 = 0x40000000
const machines = [
  ['x64', 'x86-64', { architecture: 0xc000003e, socket: 41, ioctl: 16, requestKey: 249 }],
  // Its own numbers are those of syscall_64.tbl marked `x32`; the kernel also takes the 64-bit ones.
  ['x64', 'x32', { architecture: 0xc000003e, socket: x32 + 41, ioctl: x32 + 514, requestKey: x32 + 249 }],
  [
    'x64',
    'x32 (64-bit number)',
    { architecture: 0xc000003e, socket: x32 + 41, ioctl: x32 + 16, requestKey: x32 + 249 },
  ],
  ['x64', 'i386', { architecture: 0x40000003, socket: 359, ioctl: 54, requestKey: 287 }],
  ['arm64', 'arm64', { architecture: 0xc00000b7, socket: 198, ioctl: 29, requestKey: 218 }],
  ['arm64', 'arm', { architecture: 0x40000028, socket: 281, ioctl: 54, requestKey: 310 }],
] as const

for (const [arch, table, { architecture, socket, ioctl, requestKey }] of machines) {
  t.test(`filterOf(): what a job may call on ${table}`, async t => {
    const filter = filterOf(arch)
    const cases: readonly (readonly [sentence: string, call: Omit<Call, 'architecture'>, verdict: number])[] = [
      ['a socket of the Internet', { number: socket, first: 2 }, allowed],
      ['a Unix socket', { number: socket, first: 1 }, allowed],
      ['a packet socket: it ends at the wire', { number: socket, first: 17 }, allowed],
      ['a socket to the hypervisor', { number: socket, first: 40 }, errno(97)],
      ['a socket of the mainframe’s', { number: socket, first: 32 }, errno(97)],
      ['a socket over InfiniBand', { number: socket, first: 21 }, errno(97)],
      ['a socket to the modem', { number: socket, first: 42 }, errno(97)],
      ['a telephone line', { number: socket, first: 34 }, errno(97)],
      ['io_uring', { number: 425 }, errno(38)],
      ['a key that somebody outside would have to fetch', { number: requestKey }, errno(38)],
      ['the size of the terminal', { number: ioctl, second: 0x5413 }, allowed],
      ['typing into the terminal', { number: ioctl, second: 0x5412 }, errno(1)],
      ['pasting into the console', { number: ioctl, second: 0x541c }, errno(1)],
      ['reading', { number: 3, first: 40, second: 0x5412 }, allowed],
    ]
    for (const [sentence, call, expected] of cases) {
      t.equal(verdict(filter, { architecture, ...call }), expected, sentence)
    }
  })
}

t.test('filterOf(): all of a job’s sockets by one call, whose family a filter cannot see, are refused', async t => {
  t.equal(verdict(filterOf('x64'), { architecture: 0x40000003, number: 102 }), errno(38))
})

t.test('filterOf(): an architecture that we do not know gets no call', async t => {
  for (const arch of ['x64', 'arm64']) {
    t.equal(verdict(filterOf(arch), { architecture: 0x12345678, number: 1 }), errno(38))
  }
})
