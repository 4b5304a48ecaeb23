import t from 'tap'
import { budgetLimits, DnsBudget } from '../../../gateway/dns/budget.ts'
import { FakeClock } from './fake-job.ts'

const a = 1
const txt = 16

t.test('DnsBudget: the alert comes once, at the fiftieth name', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  const alerts = Array.from({ length: 60 }, (_, index) => budget.spend(`n${index}.example.test`, a).alert)
  t.equal(
    alerts.findIndex(alert => alert !== undefined),
    49,
  )
  t.match(alerts[49], { domain: 'example.test', names: 50, queries: 50 })
  t.equal(alerts.filter(alert => alert !== undefined).length, 1)
})

t.test('DnsBudget: the same name costs nothing again', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  const spent = Array.from({ length: 500 }, () => budget.spend('same.example.test', a))
  t.ok(spent.every(({ exceeded, alert }) => !exceeded && alert === undefined))
})

t.test('DnsBudget: the 150th name is over, and stays over when it is asked again', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  const exceeded = Array.from({ length: 152 }, (_, index) => budget.spend(`n${index}.example.test`, a).exceeded)
  t.equal(exceeded.indexOf(true), 149)
  t.equal(budget.spend('n149.example.test', a).exceeded, true)
  t.equal(budget.spend('n3.example.test', a).exceeded, false, 'a name from before says nothing new')
  t.equal(budget.spend('www.other.test', a).exceeded, false, 'another domain is another budget')
})

t.test('DnsBudget: a domain over its budget stays so until the job ends, however long', async t => {
  const clock = new FakeClock()
  const budget = new DnsBudget(clock.now)
  for (let index = 0; index < 150; index++) budget.spend(`n${index}.example.test`, a)
  clock.ms += 10 * budgetLimits.windowMs
  t.equal(budget.spend('new.example.test', a).exceeded, true)
})

t.test('DnsBudget: names older than the window are forgotten', async t => {
  const clock = new FakeClock()
  const budget = new DnsBudget(clock.now)
  for (let round = 0; round < 5; round++) {
    for (let index = 0; index < 100; index++) {
      t.equal(budget.spend(`n${round}-${index}.example.test`, a).exceeded, false)
    }
    clock.ms += budgetLimits.windowMs
  }
})

t.test('DnsBudget: bytes count, too', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  const name = (index: number): string => `${String(index).padStart(39, 'x')}.${'y'.repeat(39)}.example.test`
  const spent = Array.from({ length: 60 }, (_, index) => budget.spend(name(index), a))
  t.equal(
    spent.findIndex(({ alert }) => alert !== undefined),
    12,
    'alert at 1 KiB',
  )
  t.equal(
    spent.findIndex(({ exceeded }) => exceeded),
    51,
    'over at 4 KiB',
  )
})

t.test('DnsBudget: a label of 40 bytes is over by itself and does not spoil its domain', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  t.equal(budget.spend(`${'x'.repeat(40)}.example.test`, a).exceeded, true)
  t.equal(budget.spend(`${'x'.repeat(40)}.example.test`, a).exceeded, true)
  t.equal(budget.spend(`${'x'.repeat(39)}.example.test`, a).exceeded, false)
})

t.test('DnsBudget: twenty TXT questions alert', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  const alerts = Array.from({ length: 20 }, () => budget.spend('x.example.test', txt).alert)
  t.equal(
    alerts.findIndex(alert => alert !== undefined),
    19,
  )
})

t.test('DnsBudget: names that mostly do not exist alert, from twenty questions on', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  const alerts = Array.from({ length: 25 }, (_, index) => {
    const spent = budget.spend(`n${index}.example.test`, a).alert
    return (index % 2 === 0 ? budget.countNoName(`n${index}.example.test`) : undefined) ?? spent
  })
  t.equal(
    alerts.findIndex(alert => alert !== undefined),
    19,
  )
  t.match(alerts[19], { domain: 'example.test', queries: 20, nonexistent: 10 })
})

t.test('DnsBudget: a private suffix parts its tenants', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  for (let index = 0; index < 200; index++) budget.spend(`n${index}.evil.github.io`, a)
  t.equal(budget.spend('new.evil.github.io', a).exceeded, true)
  t.equal(budget.spend('docs.good.github.io', a).exceeded, false)
})

t.test('DnsBudget: a flood of domains does not free one that is over', async t => {
  const budget = new DnsBudget(new FakeClock().now)
  for (let index = 0; index < 150; index++) budget.spend(`n${index}.example.test`, a)
  for (let index = 0; index < 5_000; index++) budget.spend(`www.d${index}.test`, a)
  t.equal(budget.spend('new.example.test', a).exceeded, true)
})
