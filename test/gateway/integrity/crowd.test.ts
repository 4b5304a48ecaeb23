import t from 'tap'
import { Crowd } from '../../../gateway/integrity/crowd.ts'

t.test('Crowd: many files at once are read together', async t => {
  const crowd = new Crowd()
  t.equal(crowd.pauseMs, 0)
  for (let at = 0; at < 49; at += 1) crowd.saw(1, false, 100 + at / 10)
  t.equal(crowd.pauseMs, 0, 'a build that writes some')
  crowd.saw(1, false, 105)
  t.ok(crowd.pauseMs > 0)
  t.ok(crowd.pauseMs <= 5, 'a swap that lasts as long as a compiler is seen')
})

t.test('Crowd: as many over a longer time are none', async t => {
  const crowd = new Crowd()
  for (let at = 0; at < 500; at += 1) crowd.saw(1, false, at)
  t.equal(crowd.pauseMs, 0)
})

t.test('Crowd: is over when nothing came for a while', async t => {
  const crowd = new Crowd()
  crowd.saw(200, false, 0)
  t.ok(crowd.pauseMs > 0)
  crowd.saw(0, false, 11)
  crowd.saw(0, false, 22)
  t.equal(crowd.pauseMs, 0)
})

t.test('Crowd: what is about sources ends it at once', async t => {
  const crowd = new Crowd()
  crowd.saw(200, false, 0)
  crowd.saw(1, true, 1)
  t.equal(crowd.pauseMs, 0)
  crowd.saw(200, true, 2)
  t.equal(crowd.pauseMs, 0)
})
