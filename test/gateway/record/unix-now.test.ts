import t from 'tap'
import { openClock, unixNow } from '../../../gateway/record/unix-now.ts'

const day = 86_400_000

t.test('unixNow(): is the time, and no setting of the machine’s clock moves it', async t => {
  const real = Date.now()
  t.ok(Math.abs(unixNow() - real) < 10_000)
  let last = unixNow()
  for (const jump of [-day, day, -real]) {
    t.intercept(Date, 'now', { value: () => real + jump })
    const next = unixNow()
    t.ok(next >= last && next - last < day / 2, `after a jump of ${jump} ms`)
    last = next
  }
})

t.test('openClock(): begins with the machine’s time, and no setting of it moves it then', async t => {
  const real = Date.now()
  t.intercept(Date, 'now', { value: () => real + day })
  const clock = openClock()
  const began = clock()
  t.ok(Math.abs(began - real - day) < 10_000, 'also where the process began by another')
  t.intercept(Date, 'now', { value: () => real - day })
  t.ok(clock() >= began && clock() - began < 10_000)
})
