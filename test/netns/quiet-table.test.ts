import { randomBytes } from 'node:crypto'
import t from 'tap'
import { parseAddress } from '../../gateway/net/address.ts'
import { openChangeMark } from '../../gateway/packet/change-mark.ts'
import { openNetworkNamespace } from '../../gateway/packet/namespace.ts'
import { type Run, run } from '../../gateway/packet/run.ts'
import { installTable } from '../../gateway/packet/table.ts'
import { someTable } from '../gateway/packet/table-input.ts'
import { whyNoLab } from '../lab/requirements.ts'

t.setTimeout(60_000)
const signal = AbortSignal.timeout(50_000)
const input = { ...someTable, device: 'lo' }
const { table } = input

t.test(
  'a table is listed while packets or rules of the machine change, and else hardly',
  { skip: whyNoLab() },
  async t => {
    const name = `tgquiet-${randomBytes(4).toString('hex')}`
    const ip = async (...args: readonly string[]): Promise<void> => {
      const { exitCode, stderr } = await run('ip', args, { signal })
      t.equal(exitCode, 0, stderr)
    }
    await ip('netns', 'add', name)
    t.teardown(() => run('ip', ['netns', 'delete', name], { signal }))
    await ip('-n', name, 'link', 'set', 'lo', 'up')
    using namespace = openNetworkNamespace(`/run/netns/${name}`)
    let listings = 0
    const inside: Run = (file, args, options) => {
      if (args.includes('list')) listings += 1
      return run('ip', ['netns', 'exec', name, file, ...args], options)
    }
    await using packets = await installTable(inside, input, signal, device => {
      const mark = namespace.run(() => openChangeMark(device))
      return { read: () => namespace.run(() => mark.read()), [Symbol.dispose]: () => mark[Symbol.dispose]() }
    })
    // An ACK out of nothing, which the rules let leave; what arrives is not from the job.
    const script = [
      'import socket, struct',
      'out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)',
      'out.sendto(struct.pack("!HHLLBBHHH", 1234, 9, 0, 0, 0x50, 0x10, 0, 0, 0), ("127.0.0.1", 0))',
    ].join('\n')
    const send = async (): Promise<void> => {
      const { exitCode, stderr } = await inside('python3', ['-c', script], { signal })
      t.equal(exitCode, 0, stderr)
    }
    const look = async (times: number) => {
      listings = 0
      for (let time = 1; time < times; time += 1) await packets.read(signal)
      return packets.read(signal)
    }

    await look(5)
    t.equal(listings, 2, 'at rest')
    for (const sent of [1, 2]) {
      await send()
      const { counts, intact } = await look(5)
      t.match(counts, [{ kind: 'spoofed', packets: sent, address: parseAddress('127.0.0.1'), protocol: 'tcp' }])
      t.equal(intact, true)
      t.equal(listings, 2, 'after a packet')
    }
    const nft = async (script: string): Promise<void> => {
      t.equal((await inside('nft', ['-f', '-'], { input: script, signal })).exitCode, 0)
    }
    await nft('table inet another { }')
    t.equal((await look(5)).intact, true)
    t.equal(listings, 2, 'after a change beside it')
    await nft(`insert rule inet ${table} leave accept`)
    t.equal((await look(1)).intact, false, 'at the first look')
    t.equal((await look(5)).intact, false)
    await nft(`delete table inet ${table}`)
    await t.rejects(look(1), { code: 'NFT_REJECTED' })
    await t.rejects(look(1), { code: 'NFT_REJECTED' }, 'and at every other')
  },
)
