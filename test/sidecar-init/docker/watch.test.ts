import t from 'tap'
import { plainShape } from '../../../gateway/container/shape.ts'
import { count, watching } from './watch-scene.ts'

const build = 'b'.repeat(64)
const second = 'c'.repeat(64)
const label = { 'tidegate.job': 'nightly' }
const nothing = (): void => undefined

t.test('watch(): prepares at the create, links at the start without asking first, ends at the die', async t => {
  const { engine } = await watching(
    nothing,
    async ({ engine, gateway, said, until, isLinked }) => {
      await until('it watches', () => said.includes('info watching'))
      engine.put(build, { labels: label }, 'create')
      await until(
        'it is prepared',
        () => gateway.jobs.get('nightly')?.state === 'attached' && engine.helpers.size === 1,
      )
      t.ok(
        engine.calls.includes(`create helper1 ${build} gateway`),
        'in the build’s network, among the gateway’s processes',
      )
      const before = engine.calls.length
      engine.put(build, { state: 'running', startedAt: '1' }, 'start')
      await until('it is linked', () => isLinked())
      const since = engine.calls.slice(before)
      t.notOk(since.slice(0, since.indexOf('run helper1')).includes(`inspect ${build}`), 'the quick way')
      await until('its helper is removed', () => engine.helpers.size === 0)
      engine.put(build, { state: 'ended' }, 'die')
      await until('the job ends', () => !gateway.jobs.has('nightly'))
      await until('it says so', () => said.includes('info ended'))
      t.strictSame(gateway.asked, ['attach nightly', 'proved nightly', 'detach nightly'])
    },
    t,
  )
  t.equal(engine.helpers.size, 0)
})

t.test('watch(): links what runs already, and leaves alone what is linked', async t => {
  await watching(
    ({ engine, gateway }) => {
      engine.put(build, { labels: label, state: 'running', startedAt: '1' })
      engine.put(second, { labels: { 'tidegate.job': 'other' }, state: 'running', startedAt: '1' })
      gateway.jobs.set('other', {
        job: 'other',
        policy: 'p',
        container: second,
        state: 'proved',
        jobMac: '02:01:00:00:00:01',
        startedAt: 'x',
      })
    },
    async ({ gateway, until, compared, isLinked }) => {
      await until('it is linked', () => isLinked())
      await compared()
      t.strictSame(gateway.asked, ['attach nightly', 'proved nightly'])
      t.ok(isLinked('other'))
    },
    t,
  )
})

t.test('watch(): leaves a wire that stands when it stops, and gives up one that does not', async t => {
  const { engine, gateway } = await watching(
    ({ engine }) => {
      engine.put(build, { labels: label, state: 'running', startedAt: '1' })
      engine.put(second, { labels: { 'tidegate.job': 'waiting' } })
    },
    async ({ gateway, until, isLinked }) => {
      await until('both are there', () => isLinked() && gateway.jobs.has('waiting'))
    },
    t,
  )
  t.strictSame([...gateway.jobs.keys()], ['nightly'])
  t.equal(engine.helpers.size, 0)
})

t.test('watch(): removes the helpers that another watcher left', async t => {
  await watching(
    ({ engine }) => engine.helpers.set('old', build),
    async ({ engine, until }) => {
      await until('it is removed', () => !engine.helpers.has('old'))
    },
    t,
  )
})

t.test('watch(): says once why a container gets no wire, and asks the gateway nothing', async t => {
  await watching(
    ({ engine }) => engine.put(build, { labels: label, state: 'running', shape: { ...plainShape, privileged: true } }),
    async ({ gateway, said, compared }) => {
      await compared()
      await compared()
      t.equal(count(said, /is privileged: it gets no wire .* \[CONTAINER_UNSAFE\]/), 1, said.join('\n'))
      t.strictSame(gateway.asked, [])
    },
    t,
  )
})

t.test('watch(): a refusal of the gateway is said once, and asked again', async t => {
  await watching(
    ({ engine, gateway }) => {
      gateway.refuses = { ok: false, code: 'POLICY_UNKNOWN', error: 'there is no policy nightly' }
      engine.put(build, { labels: label, state: 'running', startedAt: '1' })
    },
    async ({ engine, gateway, said, until, compared, isLinked }) => {
      await compared()
      await compared()
      t.equal(count(said, /there is no policy nightly \(POLICY_UNKNOWN\)/), 1, said.join('\n'))
      t.equal(engine.helpers.size, 0)
      gateway.refuses = undefined
      await until('it is linked', () => isLinked())
    },
    t,
  )
})

for (const [sentence, stdout, stderr] of [
  ['that says what failed', 'laid\n', 'sidecar-init: the wire is not proved: x (WIRE_NOT_PROVED)\n'],
  ['that is cut short', 'laid\nonly lo and the wire\n', ''],
  ['that could not lay it', '', 'RTNETLINK answers: File exists\n'],
  ['that says nothing', '', ''],
] as const) {
  t.test(`watch(): a helper ${sentence} has proved nothing; its wire is given up and tried again`, async t => {
    await watching(
      ({ engine }) => {
        engine.helperSays = () => ({ stdout, stderr })
        engine.put(build, { labels: label, state: 'running', startedAt: '1' })
      },
      async ({ engine, gateway, said, until, compared, isLinked }) => {
        await compared()
        await until('it has tried twice', () => count(gateway.asked, /attach/) >= 2)
        t.equal(count(gateway.asked, /proved/), 0)
        t.equal(count(said, /\[WIRE_NOT_PROVED\]/), 1, said.join('\n'))
        engine.helperSays = () => ({ stdout: 'laid\nx\nproved\n', stderr: '' })
        await until('it is linked', () => isLinked())
      },
      t,
    )
  })
}
