import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { collectAll } from '../../../gateway/upstream/collector.ts'

// The young generation alone: spent-buffers.test.ts, as a WeakRef outlives its collection.
t.test('collectAll(): what is dead is gone at once', async t => {
  const dead = new WeakRef(new ArrayBuffer(1024))
  await turn()
  collectAll()
  t.equal(dead.deref(), undefined)
})
