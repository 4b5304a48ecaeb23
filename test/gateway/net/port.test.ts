import t from 'tap'
import { parsePort } from '../../../gateway/net/port.ts'

t.test('parsePort(): integers from 1 to 65535 are ports, and nothing else is', async t => {
  t.equal(parsePort(1), 1)
  t.equal(parsePort(65_535), 65_535)
  for (const raw of [0, -1, 65_536, 1.5, NaN, Infinity]) t.equal(parsePort(raw), undefined, String(raw))
})
