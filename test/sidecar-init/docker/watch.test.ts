import t from 'tap'
import { plainShape } from '../../../gateway/container/shape.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import { proves } from './fake-engine.ts'
import { count, type Scene, watching } from './watch-scene.ts'

const build = 'b'.repeat(64)
const second = 'c'.repeat(64)
const label = { 'tidegate.job': 'nightly' }
const nothing = (): void => undefined

t.test('watch(): prepares at the create, links at the start, ends at the die', async t => {
  const { engine } = await watching(
    nothing,
    async ({ engine, gateway, said, until, isLinked }) => {
      await until('it watches', () => said.includes('info watching'))
      engine.put(build, { labels: label }, 'create')
      await until('it is prepared', () => gateway.jobs.get('nightly')?.state === 'attached')
      t.ok(
        engine.calls.includes('start helper1 all:/run/docker/netns gateway'),
        'one helper for all builds, among the gateway’s processes, sees the engine’s namespaces',
      )
      engine.put(build, { state: 'running', startedAt: '1' }, 'start')
      await until('it is linked', () => isLinked())
      t.ok(engine.calls.includes(`order helper1 ${build.slice(0, 12)}`), 'by the file of its namespace')
      engine.put(build, { state: 'ended' }, 'die')
      await until('the job ends', () => !gateway.jobs.has('nightly'))
      await until('it says so', () => said.includes('info ended'))
      t.strictSame(gateway.asked, ['attach nightly', 'proved nightly', 'detach nightly'])
      t.equal(count(engine.calls, /^start helper/), 1)
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
    async ({ gateway, said, until, compared, isLinked }) => {
      await compared()
      await compared()
      t.equal(count(said, /there is no policy nightly \(POLICY_UNKNOWN\)/), 1, said.join('\n'))
      gateway.refuses = undefined
      await until('it is linked', () => isLinked())
    },
    t,
  )
})

const laid = { step: 'laid' }
const failed = (error: string): object => ({ step: 'failed', unseen: false, error })
for (const [sentence, reports, says] of [
  [
    'that says what failed',
    [laid, failed('the wire is not proved: x')],
    /the wire is not proved: x \[WIRE_NOT_PROVED\]/,
  ],
  ['that could not lay it', [failed('File exists')], /File exists \[WIRE_NOT_PROVED\]/],
  ['that ends', [], /its helper ended before it had proved the wire \[WIRE_NOT_PROVED\]/],
  ['that says what nobody understands', [{ step: 'proven' }], /report cannot be read \[WIRE_NOT_PROVED\]/],
] as const) {
  t.test(`watch(): a helper ${sentence} has proved nothing; the wire is given up and tried again`, async t => {
    await watching(
      ({ engine }) => {
        engine.helperSays = () => reports
        engine.put(build, { labels: label, state: 'running', startedAt: '1' })
      },
      async ({ engine, gateway, said, until, compared, isLinked }) => {
        await compared()
        await until('it has tried twice', () => count(gateway.asked, /attach/) >= 2)
        t.equal(count(gateway.asked, /proved/), 0)
        t.equal(count(said, says), 1, said.join('\n'))
        engine.helperSays = () => proves
        await until('it is linked', () => isLinked())
      },
      t,
    )
  })
}

const unseen = [{ step: 'failed', unseen: true, error: 'enter the job’s net namespace: setns: EINVAL' }]
for (const [sentence, prepare] of [
  [
    'that the engine does not share',
    ({ engine }: Scene) => (engine.helperSays = (_, isShared) => (isShared ? unseen : proves)),
  ],
  [
    'that the engine refuses to show',
    ({ engine }: Scene) =>
      (engine.refusesShared = new GatewayError('ENGINE_UNREACHABLE', 'the Docker engine refuses: not shared', {
        details: { status: 400 },
      })),
  ],
  [
    'that are somewhere else',
    ({ engine }: Scene) => engine.put(build, { networkNamespace: '/run/user/0/netns/0123456789ab' }),
  ],
  ['that the engine does not tell', ({ engine }: Scene) => engine.put(build, { networkNamespace: '' })],
] as const) {
  t.test(`watch(): for namespaces ${sentence}, each build gets a helper of its own`, async t => {
    const { engine, said } = await watching(
      scene => {
        scene.engine.put(build, { labels: label, state: 'running', startedAt: '1' })
        scene.engine.put(second, { labels: { 'tidegate.job': 'other' }, state: 'running', startedAt: '1' })
        prepare(scene)
      },
      async ({ engine, until, isLinked }) => {
        await until('both are linked', () => isLinked() && isLinked('other'))
        t.ok(
          engine.calls.some(call => call.startsWith('start ') && call.endsWith(` ${build} gateway`)),
          'in the build’s network, among the gateway’s processes',
        )
        t.ok(engine.calls.some(call => call.startsWith('order ') && call.endsWith(' its own')))
      },
      t,
    )
    t.ok(count(said, /no helper for all builds/) <= 1, said.join('\n'))
    t.equal(engine.helpers.size, 0)
  })
}

t.test(
  'watch(): a container that ended before the helper came to it does not change how others are helped',
  async t => {
    await watching(
      ({ engine }) => {
        engine.helperSays = ({ namespace }) => {
          if (namespace !== build.slice(0, 12)) return proves
          engine.put(build, { state: 'ended' })
          return unseen
        }
        engine.put(build, { labels: label, state: 'running', startedAt: '1' })
      },
      async ({ engine, gateway, said, until, compared, isLinked }) => {
        await until('it has ended', () => engine.containers.get(build)?.state === 'ended')
        await compared()
        engine.put(second, { labels: { 'tidegate.job': 'other' }, state: 'running', startedAt: '1' }, 'start')
        await until('the next is linked', () => isLinked('other'))
        t.equal(count(engine.calls, /^start helper/), 1, 'by the helper for all')
        t.equal(count(said, /cannot enter/), 0, said.join('\n'))
        t.notOk(gateway.jobs.has('nightly'))
      },
      t,
    )
  },
)

t.test('watch(): a helper that went with its gateway is replaced before it is needed', async t => {
  await watching(
    nothing,
    async ({ engine, until, said }) => {
      await until('it watches', () => said.includes('info watching'))
      t.equal(count(engine.calls, /^start helper/), 1)
      engine.put('gateway', { startedAt: '2' })
      await until('there is another', () => count(engine.calls, /^start helper/) === 2)
      await until('and one only', () => engine.helpers.size === 1)
    },
    t,
  )
})
