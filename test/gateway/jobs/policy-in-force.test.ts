import t from 'tap'
import { PolicyInForce } from '../../../gateway/jobs/policy-in-force.ts'
import { decide } from '../../../gateway/policy/decide.ts'
import type { Policy } from '../../../gateway/policy/policy.ts'
import { hostname, policyOf, port } from '../door/fake-job.ts'

const wide = policyOf('block', ['https://a.test', 'https://b.test'])
const onlyA = policyOf('block', ['https://a.test'])

function allows(policy: Policy, host: string): boolean {
  const decision = decide(policy, { kind: 'endpoint', transport: 'tcp', host: hostname(host), port: port(443) })
  return decision.verdict === 'allow'
}

t.test('PolicyInForce: who registered is told after each change, in the same turn, until disposed', async t => {
  const inForce = new PolicyInForce(wide)
  const told: string[] = []
  const look = (): void => void told.push(inForce.current.digest)
  const [first, second] = [inForce.onChange(look), inForce.onChange(look)]
  inForce.replace(onlyA)
  t.strictSame(told, [onlyA.digest, onlyA.digest], 'the new one is in force when they look')
  first[Symbol.dispose]()
  inForce.replace(wide)
  t.equal(told.length, 3)
  second[Symbol.dispose]()
  inForce.replace(onlyA)
  t.equal(told.length, 3)
})

t.test('PolicyInForce: who goes while it is told does not disturb the others', async t => {
  const inForce = new PolicyInForce(wide)
  const told: string[] = []
  const first = inForce.onChange(() => {
    told.push('first')
    first[Symbol.dispose]()
  })
  inForce.onChange(() => told.push('second'))
  inForce.replace(onlyA)
  t.strictSame(told, ['first', 'second'])
})

t.test('P3: what a job narrowed stays narrowed, whatever is read again, and never opens more', async t => {
  const inForce = new PolicyInForce(wide)
  inForce.narrow(policyOf('block', ['https://b.test', 'https://c.test']))
  t.strictSame(
    ['a.test', 'b.test', 'c.test'].map(host => allows(inForce.current, host)),
    [false, true, false],
  )
  inForce.replace(policyOf('block', ['https://a.test', 'https://b.test', 'https://c.test']))
  t.strictSame(
    ['a.test', 'b.test', 'c.test'].map(host => allows(inForce.current, host)),
    [false, true, true],
  )
  inForce.narrow(policyOf('block', ['https://c.test']))
  t.strictSame(
    ['a.test', 'b.test', 'c.test'].map(host => allows(inForce.current, host)),
    [false, false, true],
  )
  t.equal(allows(inForce.withPlatform(onlyA), 'c.test'), false)
  t.equal(allows(inForce.current, 'c.test'), true, 'asking what would be changes nothing')
})

t.test('PolicyInForce: what was closed stays closed, and is closed once', async t => {
  const inForce = new PolicyInForce(wide)
  let changes = 0
  inForce.onChange(() => (changes += 1))
  inForce.close()
  inForce.close()
  t.equal(changes, 1)
  for (const policy of [inForce.current, inForce.withPlatform(onlyA)])
    t.strictSame(
      ['a.test', 'b.test'].filter(host => allows(policy, host)),
      [],
    )
  inForce.replace(onlyA)
  t.equal(allows(inForce.current, 'a.test'), false)
  t.equal(inForce.current.mode, 'block')
})
