import t from 'tap'
import { ClockWatch } from '../../gateway/clock-watch.ts'

t.test('ClockWatch: tells each setting of the machine’s clock once, and how far', async t => {
  const told: string[] = []
  let [record, machine] = [1_000_000, 1_000_000]
  const clock = new ClockWatch(
    () => record,
    note => void told.push(note.replace(/ s[, ].*/, '')),
    () => machine,
  )
  const pass = (ms: number, setBy = 0): void => {
    record += ms
    machine += ms + setBy
    clock.look()
  }
  pass(60_000)
  pass(1_000, 1_500)
  t.strictSame(told, [], 'what time servers do')
  pass(1_000, 7_200_000)
  pass(1_000)
  pass(1_000, -86_400_000)
  pass(1_000)
  t.strictSame(told, ["the machine's clock went forward by 7202", "the machine's clock was set back by 86400"])
})

t.test('ClockWatch: small settings that add up are told', async t => {
  const told: string[] = []
  let machine = 0
  const clock = new ClockWatch(
    () => 0,
    note => void told.push(note),
    () => machine,
  )
  for (let turn = 0; turn < 10; turn += 1) {
    machine += 900
    clock.look()
  }
  t.equal(told.length, 3)
})
