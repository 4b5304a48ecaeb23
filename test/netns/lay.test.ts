// What a helper of `sidecar-init docker` does with its orders: it enters a network namespace by a file, lays and proves.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { attachReply, type WirePlan } from '../../gateway/control/protocol.ts'
import { run } from '../../gateway/packet/run.ts'
import { openControl } from '../../sidecar-init/control.ts'
import { obeyOrders } from '../../sidecar-init/docker/lay-orders.ts'
import type { LayReport } from '../../sidecar-init/docker/lay-protocol.ts'
import { runProgram } from '../lab/program.ts'
import { whyNoLab } from '../lab/requirements.ts'
import type { Behaviour } from './link-behaviours.ts'
import { interfacesOf, type LinkRig, openLinkRig } from './link-rig.ts'

t.setTimeout(120_000)
const skip = whyNoLab()
const namespace = '0123456789ab'

interface Scene {
  readonly rig: LinkRig
  readonly plan: WirePlan
  readonly reports: readonly LayReport[]
  /** Gives an order; resolves when it has ended. */
  order(namespace: string, number?: number): Promise<void>
  /** Ends the orders, and waits for the last. */
  end(): Promise<void>
}

/** A helper in this process, the fake gateway, and a folder with a file that shows the job's namespace. */
async function withHelper(behaviour: Behaviour, then: (scene: Scene) => Promise<void>): Promise<void> {
  await using rig = await openLinkRig(behaviour)
  const folder = mkdtempSync('/tmp/tidegate-namespaces-')
  writeFileSync(`${folder}/${namespace}`, '')
  await runProgram('/usr/bin/mount', ['--bind', `/run/netns/${rig.job.name}`, `${folder}/${namespace}`])
  symlinkSync(`/run/netns/${rig.job.name}`, `${folder}/dddddddddddd`)
  writeFileSync(`${folder}/ffffffffffff`, '')
  const signal = AbortSignal.timeout(60_000)
  using control = await openControl(rig.control, signal)
  const reply = await control.ask({ op: 'attach', job: 'nightly' }, attachReply, { timeoutMs: 10_000, signal })
  if (!reply.ok) throw new Error(reply.error)
  const { plan } = reply
  const [input, reports, news] = [new PassThrough(), [] as LayReport[], new EventTarget()]
  const report = (said: LayReport): void => {
    reports.push(said)
    news.dispatchEvent(new Event('report'))
  }
  const done = obeyOrders(input, { run, namespaces: folder, report }, signal)
  const scene: Scene = {
    rig,
    plan,
    reports,
    async order(name, number = 1) {
      const { promise, resolve } = Promise.withResolvers<void>()
      news.addEventListener('report', () => {
        if (reports.some(({ order, step }) => order === number && step !== 'laid')) resolve()
      })
      input.write(`${JSON.stringify({ order: number, namespace: name, plan })}\n`)
      await promise
    },
    async end() {
      input.end()
      await done
    },
  }
  try {
    await then(scene)
    await scene.end()
  } finally {
    await runProgram('/usr/bin/umount', ['--lazy', `${folder}/${namespace}`])
    rmSync(folder, { recursive: true })
  }
}

async function isUntouched(t: Test, { rig }: Scene, message: string): Promise<void> {
  t.strictSame(await interfacesOf(rig.job), ['lo'], message)
}

t.test(
  'obeyOrders(): lays and proves a wire of another network namespace, and is itself in its own',
  { skip },
  async t => {
    await withHelper('serve', async ({ rig, order, reports }) => {
      await order(namespace)
      t.match(reports, [
        { order: 1, step: 'laid' },
        { order: 1, step: 'proved', checks: [/only lo/, /only way/, /IPv6/, /TCP to any/, /DNS/, /DNS/, /UDP/] },
      ])
      t.strictSame(await interfacesOf(rig.job), ['eth0', 'lo'])
      const addresses = await rig.job.exec('ip', ['-br', 'addr'])
      t.match(addresses.stdout, /^eth0@\S+ +UP +198\.19\.0\.2\/30 *$/m)
      await order(namespace, 2)
      t.match(reports.at(-1), { order: 2, step: 'failed', unseen: false, error: /network already \(eth0\)/ })
      t.strictSame(await interfacesOf(rig.job), ['eth0', 'lo'], 'the wire that stands stays')
    })
  },
)

for (const [sentence, behaviour, says] of [
  ['another gateway’s door', 'wrong-door', /TCP to any address/],
  ['UDP that somebody answers', 'open-udp', /UDP without a rule/],
] as const) {
  t.test(`obeyOrders(): ${sentence}: not proved, and nothing is left`, { skip }, async t => {
    await withHelper(behaviour, async scene => {
      await scene.order(namespace)
      t.match(scene.reports.at(-1), { step: 'failed', unseen: false, error: says })
      await isUntouched(t, scene, 'its end is removed')
    })
  })
}

t.test(
  'obeyOrders(): a file that shows no namespace, or is not there: said so, and nothing is touched',
  { skip },
  async t => {
    await withHelper('serve', async scene => {
      await scene.order('ffffffffffff')
      await scene.order('eeeeeeeeeeee', 2)
      await scene.order('dddddddddddd', 3)
      t.match(scene.reports, [
        { order: 1, step: 'failed', unseen: true, error: /setns: EINVAL/ },
        { order: 2, step: 'failed', unseen: true, error: /cannot open/ },
        // A link, which could lead to anybody's.
        { order: 3, step: 'failed', unseen: true, error: /cannot open/ },
      ])
      await isUntouched(t, scene, 'the job')
      t.strictSame(await interfacesOf(scene.rig.gateway), ['lo'], 'the gateway')
      await scene.order(namespace, 4)
      t.match(scene.reports.at(-1), { order: 4, step: 'proved' }, 'it goes on')
    })
  },
)

t.test('obeyOrders(): when the orders end, what is not proved by then is undone', { skip }, async t => {
  await withHelper('silent-door', async scene => {
    const failed = scene.order(namespace)
    await scene.rig.until('device')
    await scene.end()
    await failed
    t.match(scene.reports.at(-1), { step: 'failed', unseen: false })
    await isUntouched(t, scene, 'nothing is left')
  })
})

t.test('obeyOrders(): an order that cannot be read ends it', { skip }, async t => {
  const options = { run, namespaces: '/nonexistent', report: () => t.fail('no order') }
  for (const line of [
    'hello\n',
    '{"order":1}\n',
    '{"order":1,"namespace":"../../proc/1/ns/net"}\n',
    'x'.repeat(70_000),
  ]) {
    const input = new PassThrough()
    input.end(line)
    await t.rejects(
      obeyOrders(input, options, new AbortController().signal),
      { code: 'REQUEST_INVALID' },
      line.slice(0, 40),
    )
  }
})
