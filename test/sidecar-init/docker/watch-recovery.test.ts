import t from 'tap'
import { count, watching } from './watch-scene.ts'

const build = 'b'.repeat(64)
const second = 'c'.repeat(64)
const label = { 'tidegate.job': 'nightly' }
const nothing = (): void => undefined

t.test('watch(): what happened while the engine was away is found when it is back', async t => {
  await watching(
    ({ engine }) => engine.put(build, { labels: label, state: 'running', startedAt: '1' }),
    async ({ engine, gateway, said, until, isLinked }) => {
      await until('it is linked', () => isLinked())
      engine.goDown()
      engine.put(build, { state: 'ended' })
      engine.put(second, { labels: { 'tidegate.job': 'next' }, state: 'running', startedAt: '1' })
      await until('it has noticed', () => count(said, /\[ENGINE_UNREACHABLE\]/) > 0)
      engine.isUp = true
      await until('the next is linked', () => isLinked('next'))
      await until('the first has ended', () => !gateway.jobs.has('nightly'))
      t.equal(count(said, /\[ENGINE_UNREACHABLE\]/), 1, 'said once')
    },
    t,
  )
})

t.test('watch(): a container that was restarted unseen gets a new wire', async t => {
  await watching(
    ({ engine }) => engine.put(build, { labels: label, state: 'running', startedAt: '1' }),
    async ({ engine, gateway, until, isLinked }) => {
      await until('it is linked', () => isLinked())
      engine.put(build, { startedAt: '2' })
      await until('it is linked again', () => count(gateway.asked, /proved/) === 2)
      t.strictSame(gateway.asked.slice(2), ['detach nightly', 'attach nightly', 'proved nightly'])
    },
    t,
  )
})

t.test('watch(): a gateway that came back gets its jobs again', async t => {
  await watching(
    ({ engine }) => engine.put(build, { labels: label, state: 'running', startedAt: '1' }),
    async ({ gateway, said, until, isLinked }) => {
      await until('it is linked', () => isLinked())
      gateway.isUp = false
      await until('it has noticed', () => count(said, /\[GATEWAY_UNREACHABLE\]/) > 0)
      gateway.restart()
      gateway.isUp = true
      await until('it is linked again', () => isLinked())
      t.equal(count(said, /\[GATEWAY_UNREACHABLE\]/), 1, said.join('\n'))
    },
    t,
  )
})

t.test('watch(): what the gateway gave up before the start is prepared anew at the start', async t => {
  await watching(
    nothing,
    async ({ engine, gateway, said, until, compared, isLinked }) => {
      await until('it watches', () => said.includes('info watching'))
      engine.put(build, { labels: label }, 'create')
      await until('it is prepared', () => gateway.jobs.has('nightly'))
      gateway.restart()
      await compared()
      await compared()
      t.equal(count(gateway.asked, /attach/), 1, 'a container that may never start is not prepared over and over')
      engine.put(build, { state: 'running', startedAt: '1' }, 'start')
      await until('it is linked', () => isLinked())
    },
    t,
  )
})

t.test('watch(): the end of one container does not end the job of the next that has its name', async t => {
  await watching(
    ({ engine }) => engine.put(build, { labels: label, state: 'running', startedAt: '1' }),
    async ({ engine, gateway, until, isLinked, said }) => {
      await until('it is linked', () => isLinked())
      // The gateway saw the end first, and took the next one.
      gateway.jobs.set('nightly', {
        job: 'nightly',
        policy: 'p',
        container: second,
        state: 'proved',
        jobMac: '02:01:00:00:00:01',
        startedAt: 'x',
      })
      engine.put(second, { labels: label, state: 'running', startedAt: '1' })
      engine.containers.delete(build)
      engine.happen({ action: 'destroy', id: build })
      await until('it is over', () => said.includes('info ended') || said.some(line => /no wire of it/.test(line)))
      t.ok(isLinked())
      t.equal(count(gateway.asked, /detach/), 0)
    },
    t,
  )
})

t.test('watch(): without a gateway’s container, or with two, nothing is linked and a line says so', async t => {
  await watching(
    ({ engine }) => {
      engine.put('twin', { labels: { 'tidegate.role': 'gateway' }, state: 'running' })
      engine.put(build, { labels: label, state: 'running', startedAt: '1' })
    },
    async ({ engine, gateway, said, until, isLinked }) => {
      await until('it says so', () => count(said, /2 containers run with the label/) === 1)
      t.strictSame(gateway.asked, [])
      engine.containers.delete('twin')
      await until('it is linked', () => isLinked())
    },
    t,
  )
})
