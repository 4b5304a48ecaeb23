import t from 'tap'
import type { openChangeMark } from '../../../gateway/packet/change-mark.ts'
import type { Run } from '../../../gateway/packet/run.ts'
import { installTable } from '../../../gateway/packet/table.ts'
import { someTable as input } from './table-input.ts'

const signal = AbortSignal.timeout(10_000)

/** An nft that lists whatever was loaded last, and does what else the test says. */
class FakeNft {
  rules = ''
  readonly did: string[] = []
  refuses = false
  gate: Promise<void> | undefined

  readonly run: Run = async (_file, args, { input: script = '' }) => {
    const what = args.includes('list') ? 'list' : (script.split('\n')[0] ?? '').split(' ')[0]
    this.did.push(`${what}`)
    await this.gate
    if (what === 'list') {
      const stdout = JSON.stringify({ nftables: [{ rule: { expr: this.rules } }] })
      return { exitCode: 0, stdout, stderr: '' }
    }
    if (this.refuses) return { exitCode: 1, stdout: '', stderr: 'Error: refused' }
    this.rules = script.replace(/^(?:flush|delete|table inet \w+$).*\n/gm, '')
    return { exitCode: 0, stdout: '', stderr: '' }
  }
}

/** A mark that says what the test wants it to. */
function openFakeMark(mark: { now: string | undefined }): typeof openChangeMark {
  return () => ({ read: () => mark.now, [Symbol.dispose]: () => undefined })
}

const unknown = openFakeMark({ now: undefined })

t.test('PacketTable: it is listed again when its mark has changed, and once more for what was on its way', async t => {
  const nft = new FakeNft()
  const mark: { now: string | undefined } = { now: '1:0' }
  const packets = await installTable(nft.run, input, signal, openFakeMark(mark))
  /** How many listings so many looks take. */
  const listings = async (looks: number): Promise<number> => {
    nft.did.length = 0
    for (let look = 0; look < looks; look += 1) t.equal((await packets.read(signal)).intact, true)
    return nft.did.length
  }
  t.equal(await listings(10), 2)
  mark.now = '1:1'
  t.equal(await listings(10), 2, 'a packet came')
  mark.now = '2:1'
  await packets.replace({ mode: 'block', udpRanges: [] }, signal)
  t.equal(await listings(10), 2, 'the rules were changed by us')
  t.equal(await listings(120), 2, 'and now and then all the same')
  mark.now = undefined
  t.equal(await listings(10), 10, 'nothing can be told')
})

t.test('PacketTable: a change of somebody else is seen at once, and stays seen', async t => {
  const nft = new FakeNft()
  const mark = { now: '1:0' }
  const packets = await installTable(nft.run, input, signal, openFakeMark(mark))
  for (let look = 0; look < 5; look += 1) t.equal((await packets.read(signal)).intact, true)
  nft.rules += 'accept'
  mark.now = '2:0'
  for (let look = 0; look < 5; look += 1) t.equal((await packets.read(signal)).intact, false)
})

t.test('PacketTable: our own change is taken for ours, somebody else’s is not', async t => {
  const nft = new FakeNft()
  const packets = await installTable(nft.run, input, signal, unknown)
  t.equal((await packets.read(signal)).intact, true)
  await packets.replace({ mode: 'block', udpRanges: [] }, signal)
  t.equal((await packets.read(signal)).intact, true)
  nft.rules += 'accept'
  t.equal((await packets.read(signal)).intact, false)
})

t.test('PacketTable: a look and a change wait for each other', async t => {
  const nft = new FakeNft()
  const packets = await installTable(nft.run, input, signal, unknown)
  nft.did.length = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  nft.gate = promise
  const looks = [packets.read(signal), packets.replace({ mode: 'block', udpRanges: [] }, signal), packets.read(signal)]
  resolve()
  const [before, , after] = await Promise.all(looks)
  t.match([before, after], [{ intact: true }, { intact: true }])
  t.strictSame(nft.did, ['list', 'flush', 'list', 'list'])
})

t.test('PacketTable: a change that is refused leaves the rules as they were', async t => {
  const nft = new FakeNft()
  const packets = await installTable(nft.run, input, signal, unknown)
  nft.refuses = true
  await t.rejects(packets.replace({ mode: 'block', udpRanges: [] }, signal), { code: 'NFT_REJECTED' })
  t.equal((await packets.read(signal)).intact, true)
})
