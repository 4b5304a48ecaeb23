import t from 'tap'
import { Authority } from '../../../gateway/ca/authority.ts'
import { LeafMint } from '../../../gateway/ca/leaf.ts'
import { hostname } from '../door/fake-job.ts'

const authority = new Authority({ job: 'demo', lifetimeHours: 1, now: Date.now() })

t.test('contextFor(): makes one certificate for a name, however often it is asked for', async t => {
  let issued = 0
  const mint = new LeafMint(authority, { onIssued: () => (issued += 1) })
  const first = mint.contextFor(hostname('a.example.com'))
  t.equal(mint.contextFor(hostname('a.example.com')), first)
  t.not(mint.contextFor(hostname('b.example.com')), first)
  t.equal(issued, 2)
})

t.test('serverIdentity(): only a certificate that somebody may meet is counted', async t => {
  let issued = 0
  const mint = new LeafMint(authority, { onIssued: () => (issued += 1) })
  mint.serverIdentity()
  t.equal(issued, 0)
  mint.serverIdentity(hostname('a.example.com'))
  t.equal(issued, 1)
})

t.test('contextFor(): a flood of names evicts the names used longest ago, and keeps a name in use (P9)', async t => {
  let issued = 0
  const mint = new LeafMint(authority, { onIssued: () => (issued += 1) })
  const inUse = hostname('in-use.example.com')
  const idle = hostname('idle.example.com')
  const context = mint.contextFor(inUse)
  mint.contextFor(idle)
  for (let index = 0; index < 700; index += 1) {
    mint.contextFor(hostname(`h${index}.example.com`))
    if (index % 100 === 0) mint.contextFor(inUse)
  }
  t.equal(mint.contextFor(inUse), context)
  const before = issued
  mint.contextFor(idle)
  t.equal(issued, before + 1, 'the idle name was evicted and is made anew')
})

t.test('mayRefuseAs(): bounds the certificates made only to refuse, and recovers with time (P9)', async t => {
  let now = 0
  const mint = new LeafMint(authority, { now: () => now })
  const known = hostname('known.example.com')
  mint.contextFor(known)
  const asked = Array.from({ length: 150 }, (_, index) => mint.mayRefuseAs(hostname(`h${index}.example.com`)))
  t.equal(asked.filter(Boolean).length, 100)
  t.equal(mint.mayRefuseAs(known), true, 'a name that has its certificate costs nothing')
  now += 1000
  const later = Array.from({ length: 50 }, (_, index) => mint.mayRefuseAs(hostname(`l${index}.example.com`)))
  t.equal(later.filter(Boolean).length, 20)
})
