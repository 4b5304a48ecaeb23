import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { openEngine } from './engine/engine.ts'
import { cgroupOf, folderOf, sweep } from './engine/leftovers.ts'
import { whyNoDocker } from './engine/requirements.ts'
import { stockShelf } from './engine/shelf.ts'

const skip = whyNoDocker()

/** The shape of the real thing: a job without a network, and a gateway whose uplink is a bridge. */
const composeFile = `
services:
  net:
    image: node:24-bookworm-slim
    command: [sleep, infinity]
    init: true
    network_mode: none
  gateway:
    image: node:24-bookworm-slim
    command: [sleep, infinity]
    init: true
    cap_drop: [ALL]
    cap_add: [NET_ADMIN]
    "read_only": true
    sysctls: { net.ipv4.conf.all.rp_filter: 0 }
    networks: [uplink]
    healthcheck:
      test: [CMD, node, -e, "fetch('http://api.acme.test/echo').then(r => process.exit(r.ok ? 0 : 1))"]
      interval: 1s
      retries: 20
  build:
    image: debian:bookworm-slim
    network_mode: service:net
    depends_on:
      gateway: { condition: service_healthy }
    command: [ls, /sys/class/net]
networks:
  uplink: {}
`

/** What a machine shows of an engine: processes, mounts, control groups, files. */
function traces(id: string): string[] {
  const cgroups = readdirSync('/sys/fs/cgroup').map(each => `/sys/fs/cgroup/${each}/${cgroupOf(id)}`)
  return [
    ...[`/sys/fs/cgroup/${cgroupOf(id)}`, folderOf(id), `${folderOf(id)}.json`, ...cgroups].filter(path =>
      existsSync(path),
    ),
    ...readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter(line => line.includes(id)),
    ...readdirSync('/proc')
      .filter(pid => /^\d+$/.test(pid) && commandOf(pid).includes(id))
      .map(pid => commandOf(pid)),
  ]
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    // It ended while we looked.
    return ''
  }
}

t.test(
  'compose brings up a gateway on a bridge that reaches origins by name, and a job with no network',
  { skip },
  async t => {
    await using lab = await openLab()
    await using engine = await openEngine(lab)
    const folder = `${lab.dir}/project`
    mkdirSync(folder)
    writeFileSync(`${folder}/compose.yaml`, composeFile)

    const up = await engine.compose(folder, ['up', '--detach', '--wait', 'gateway', 'net'])
    t.equal(up.exitCode, 0, up.stderr.slice(-3_000))
    const build = await engine.compose(folder, ['run', '--rm', '--no-TTY', 'build'])
    t.equal(build.stdout, 'lo\n', `the job has no network ${build.stderr}`)
    const [request] = await lab.origins.requests({ host: 'api.acme.test' })
    t.match(request, { path: '/echo', protocol: 'http/1.1' })
    t.match(request?.peer, lab.addresses.host.v4, 'the bridge is behind the lab host')
    t.same(await lab.sink.lines(), [])
    t.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'), '0\n', 'the machine forwards nothing')

    const down = await engine.compose(folder, ['down', '--timeout', '1'])
    t.equal(down.exitCode, 0, down.stderr.slice(-3_000))
    t.equal((await engine.docker(['ps', '--all', '--quiet'])).stdout, '')
  },
)

t.test('a container has default capabilities, named ones on request, and no way to the machine', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  await using engine = await openEngine(lab)
  const bounding = async (...options: string[]) =>
    (await engine.docker(['run', '--rm', ...options, engine.images.debian, 'grep', 'CapBnd', '/proc/self/status']))
      .stdout
  t.match(await bounding(), '00000000a80425fb')
  t.match(await bounding('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN'), '0000000000001000')
  const devices = await engine.docker([
    'run',
    '--rm',
    '--network',
    'host',
    engine.images.debian,
    'ls',
    '/sys/class/net',
  ])
  t.match(devices.stdout.split('\n'), ['docker0', 'lo', 'up0'], 'the host network is the lab host')
})

t.test('each base image has a client that reaches origins by name', { skip }, async t => {
  await using lab = await openLab()
  await using engine = await openEngine(lab)
  const url = 'http://api.acme.test/echo'
  const clients: readonly [string, readonly string[]][] = [
    [engine.images.node, ['node', '--eval', `fetch('${url}').then(async r => console.log(await r.text()))`]],
    [engine.images.tools, ['curl', '--silent', '--show-error', url]],
    [engine.images.musl, ['wget', '-q', '-O', '-', url]],
  ]
  for (const [image, command] of clients) {
    const { stdout, stderr } = await engine.docker(['run', '--rm', image, ...command])
    t.match(stdout, '"host":"api.acme.test"', `${image} ${stderr}`)
  }
  const uv = await engine.docker(['run', '--rm', engine.images.musl, 'uv', '--version'])
  t.match(uv.stdout, /linux-musl/)
})

t.test('an image build installs Debian packages from the lab', { skip }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await using engine = await openEngine(lab)
  await stockShelf(lab)
  const dockerfile = `FROM ${engine.images.node}
RUN apt-get update && apt-get install --yes --no-install-recommends nftables && nft --version
`
  const { exitCode, stderr } = await engine.docker(['build', '--tag', 'with-nft', '-'], { input: dockerfile })
  t.equal(exitCode, 0, stderr.slice(-3_000))
  t.match(stderr, 'nftables v1.0')
})

t.test('the engine goes and comes back on the same data', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  await using engine = await openEngine(lab, { liveRestore: true })
  const run = await engine.docker([
    'run',
    '--detach',
    '--name',
    'still-here',
    engine.images.debian,
    'sleep',
    'infinity',
  ])
  t.equal(run.exitCode, 0, run.stderr)
  for (const signal of ['KILL', 'TERM'] as const) {
    await engine.stop(signal)
    t.not((await engine.docker(['ps'])).exitCode, 0, 'nobody answers')
    await engine.start()
    t.match((await engine.docker(['ps', '--format', '{{.Names}} {{.State}}'])).stdout, 'still-here running')
  }
})

t.test('a disposed engine leaves nothing, its containers still running', { skip }, async t => {
  await using lab = await openLab({ services: [] })
  const engine = await openEngine(lab)
  try {
    const run = await engine.docker(['run', '--detach', engine.images.debian, 'sleep', 'infinity'])
    t.equal(run.exitCode, 0, run.stderr)
    t.not(traces(engine.id).length, 0, 'the test sees what it looks for')
  } finally {
    await engine[Symbol.asyncDispose]()
  }
  t.same(traces(engine.id), [])
})

t.test('an engine whose owner was killed ends with it, and is swept up', { skip }, async t => {
  const script = fileURLToPath(new URL('engine-owner.ts', import.meta.url))
  const owner = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [id = ''] = await once(createInterface(owner.stdout), 'line')
  t.not(traces(id).length, 0)
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  t.ok((await sweep()).includes(id))
  t.same(traces(id), [])
})
