import t from 'tap'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { sweep } from '../lab/leftovers.ts'

const options = { skip: whyNoLab(['bulk', 'ssh']) }

const forwarding = () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'latin1').trim()
const links = () => readdirSync('/sys/class/net').toSorted()

/** Everything on the machine that carries a lab's id. */
function traces(id: string): string[] {
  return ['/run/netns', '/etc/netns', '/tmp', '/run/tidegate-lab']
    .filter(folder => existsSync(folder))
    .flatMap(folder =>
      readdirSync(folder)
        .filter(name => name.includes(id))
        .map(name => `${folder}/${name}`),
    )
}

const alive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')

await t.test('openLab(): nothing is left after disposal, not even what a test started and forgot', options, async t => {
  let id = ''
  let pids: readonly number[] = []
  {
    await using lab = await openLab({ services: ['ssh', 'bulk'] })
    id = lab.id
    const forgotten = lab.host.spawn('sleep', ['1000'])
    pids = [...Object.values(lab.pids), forgotten.pid ?? 0, lab.uplink.pid ?? 0]
    t.ok(pids.every(alive))
    t.ok(traces(id).length > 0)
  }
  t.same(traces(id), [])
  t.notOk(pids.some(alive))
})

await t.test('openLab(): the machine itself is untouched', options, async t => {
  const before = links()
  await using lab = await openLab({ services: [] })
  t.equal(forwarding(), '0')
  t.same(links(), before)
  t.equal((await lab.outside.exec('ip', ['route', 'show', 'default'])).stdout, '')
})

await t.test('openLab(): two labs at the same time do not see each other', options, async t => {
  const [one, other] = await Promise.all([openLab(), openLab()])
  try {
    await one.serve('only-here.test')
    t.equal((await one.host.exec('curl', ['-sS', 'https://only-here.test/'])).stdout, 'only-here.test\n')
    t.equal((await other.host.exec('curl', ['-sS', 'https://only-here.test/'])).exitCode, 6)
    await one.host.exec('socat', ['-u', '-', 'UDP:9.9.9.9:9'], { input: 'x' })
    t.equal(await one.sink.count({ protocol: 'udp' }), 1)
    t.same(await other.sink.lines(), [])
    t.equal((await other.origins.requests()).length, 0)
  } finally {
    await one[Symbol.asyncDispose]()
    await other[Symbol.asyncDispose]()
  }
})

await t.test('openLab(): nothing is left when a start fails', options, async t => {
  const before = readdirSync('/run/netns')
  await t.rejects(openLab({ names: { 'bad.test': { v4: 'no address' } } }), /not an address/)
  t.same(readdirSync('/run/netns').toSorted(), before.toSorted())
})

await t.test('sweep(): removes the lab of an owner that was killed, and no other', options, async t => {
  await using living = await openLab({ services: [] })
  const owner = spawn(process.execPath, [
    fileURLToPath(new URL('../lab/main.ts', import.meta.url)),
    '--services',
    'bulk,ssh',
  ])
  let said = ''
  for await (const piece of owner.stdout) {
    said += String(piece)
    if (said.endsWith('\n}\n')) break
  }
  const facts: { dir: string; pids: Record<string, number> } = JSON.parse(said)
  const id = facts.dir.split('-').at(-1) ?? ''
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  t.ok(traces(id).length > 0)
  await sweep()
  t.same(traces(id), [])
  t.notOk(Object.values(facts.pids).some(alive))
  t.equal((await living.host.exec('dig', ['+short', 'v4.acme.test'])).stdout, '198.51.100.10\n')
})

await t.test('main: SIGINT ends it cleanly', options, async t => {
  const child = spawn(process.execPath, [
    fileURLToPath(new URL('../lab/main.ts', import.meta.url)),
    '--services',
    'origins',
  ])
  const [piece] = await once(child.stdout, 'data')
  const id = /tidegate-lab-([0-9a-f]+)/.exec(String(piece))?.[1] ?? ''
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  t.equal(code, 0)
  t.same(traces(id), [])
})
