import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import * as z from 'zod'
import { openLab, type Lab } from '../lab/lab.ts'
import type { Engine } from './engine/engine.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { productImage } from './engine/product-image.ts'
import { whyNoDocker } from './engine/requirements.ts'
import { registryUrl } from './engine/shelf.ts'

const skip = whyNoDocker()
const manifest = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8')))

const imageFacts = z.tuple([
  z.object({
    Size: z.number(),
    Config: z.object({
      User: z.string(),
      Cmd: z.array(z.string()),
      Entrypoint: z.array(z.string()).nullish(),
      Env: z.array(z.string()),
      Labels: z.record(z.string(), z.string()),
      Healthcheck: z.object({ Test: z.array(z.string()) }),
    }),
  }),
])

/** What the compose file gives the gateway, and nothing else. */
const confined = ['--read-only', '--cap-drop=ALL', '--cap-add=NET_ADMIN', '--security-opt=no-new-privileges']
const volumes = ['run:/run/tidegate', 'control:/run/tidegate-control', 'log:/var/log/tidegate']
const hardened = [...confined, ...volumes.map(volume => `--volume=${volume}`)]

/** Starts the gateway detached, with a configuration that takes no job. */
async function startGateway(lab: Lab, engine: Engine, ...options: string[]): Promise<void> {
  const folder = `${lab.dir}/configuration`
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/gateway.yaml`, 'version: 1\nadmin: 127.0.0.1:9464\n')
  const { exitCode, stderr } = await engine.docker([
    'run',
    '--detach',
    '--name=gateway',
    '--health-interval=1s',
    ...options,
    `--volume=${folder}:/etc/tidegate:ro`,
    productImage,
  ])
  if (exitCode !== 0) throw new Error(stderr)
}

/** Waits until the engine has an opinion on the health of the gateway. */
async function healthOf(engine: Engine): Promise<string> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await delay(100)) {
    const { stdout } = await engine.docker([
      'inspect',
      '--format',
      '{{.State.Status}} {{.State.Health.Status}}',
      'gateway',
    ])
    if (stdout.trim() !== 'running starting') return stdout.trim()
  }
  return 'never said'
}

t.test('the product’s image', { skip }, async t => {
  await using lab = await openLab()
  await using engine = await openProductEngine(lab)
  t.afterEach(async () => engine.docker(['rm', '--force', '--volumes', 'gateway']))

  await t.test('the image says what it is, runs as nobody in particular, and holds no secret of its build', async t => {
    const inspected = await engine.docker(['image', 'inspect', productImage])
    const [{ Config, Size }] = imageFacts.parse(JSON.parse(inspected.stdout))
    t.equal(Config.User, 'tidegate')
    t.same(Config.Cmd, ['gateway'])
    t.notOk(Config.Entrypoint)
    t.same(Config.Healthcheck.Test, ['CMD', 'node', 'bin/image/health.mjs'])
    t.match(Config.Labels, {
      'org.opencontainers.image.title': 'tidegate',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': String,
      'org.opencontainers.image.revision': String,
    })
    const base = await engine.docker(['image', 'inspect', '--format', '{{.Size}}', engine.images.debian])
    const own = Size - Number(base.stdout)
    t.ok(own > 100_000_000 && own < 200_000_000, `${own} bytes above the base`)

    const run = async (...args: string[]) => engine.docker(['run', '--rm', '--network', 'none', ...args])
    for (const program of ['tidegate', 'sidecar-init'])
      t.equal((await run(productImage, program, '--version')).stdout, `${program} ${manifest.version}\n`)
    const host = new URL(registryUrl).hostname
    const found = await run(
      '--user',
      '0',
      productImage,
      'grep',
      '-rlF',
      host,
      '/opt',
      '/usr',
      '/etc',
      '/root',
      '/run',
      '/var',
    )
    t.equal(found.stdout, '', 'the registry of the build is named nowhere')
    const history = await engine.docker(['history', '--no-trunc', productImage])
    t.notMatch(history.stdout, host)
    const extras = await run(productImage, 'sh', '-c', 'command -v npm npx tsc curl wget gcc; ls /opt/tidegate')
    t.same(extras.stdout.split('\n').slice(0, -1), [
      'LICENSE',
      'bin',
      'gateway',
      'node_modules',
      'package-lock.json',
      'package.json',
      'sidecar-init',
    ])
  })

  await t.test(
    'the gateway is healthy as a user with one capability, on a read-only file system, without a shell',
    async t => {
      const noShell = ['dash', 'bash'].flatMap(shell => ['--volume', `/dev/null:/usr/bin/${shell}:ro`])
      await startGateway(lab, engine, ...hardened, ...noShell)
      t.equal(await healthOf(engine), 'running healthy')
      const inside = async (script: string) =>
        (await engine.docker(['exec', 'gateway', 'node', '--input-type=module', '--eval', script])).stdout
      const status = await inside(
        `process.stdout.write((await import('node:fs')).readFileSync('/proc/1/status', 'utf8'))`,
      )
      t.match(status, /^Uid:\t65532\t65532/m)
      t.match(status, /^CapPrm:\t0000000000001000$/m)
      t.match(status, /^CapEff:\t0000000000001000$/m)
      t.match(status, /^NoNewPrivs:\t1$/m)
      t.equal(await inside(`console.log((await fetch('http://127.0.0.1:9464/readyz')).status)`), '200\n')
      t.equal((await engine.docker(['stop', '--time', '20', 'gateway'])).exitCode, 0)
      const ended = await engine.docker(['inspect', '--format', '{{.State.ExitCode}}', 'gateway'])
      t.equal(ended.stdout, '0\n', 'it ends by itself when asked')
    },
  )

  await t.test('a gateway that cannot work says why in its first line', async t => {
    const unconfigured = await engine.docker(['run', '--rm', ...hardened, productImage])
    t.equal(unconfigured.exitCode, 2)
    t.match(unconfigured.stderr.split('\n')[0], /\/etc\/tidegate\/policy\.yaml.*POLICY_UNREADABLE/)
    const withoutNetAdmin = hardened.filter(option => option !== '--cap-add=NET_ADMIN')
    await startGateway(lab, engine, ...withoutNetAdmin)
    t.equal((await engine.docker(['wait', 'gateway'])).stdout, '125\n')
    const said = await engine.docker(['logs', 'gateway'])
    t.match(said.stderr.split('\n')[0], /NET_ADMIN.*CAPABILITY_MISSING/)
  })

  await t.test('root with one capability works alike', async t => {
    const owned = ['/run/tidegate', '/run/tidegate-control', '/var/log/tidegate'].map(path => `--tmpfs=${path}`)
    await startGateway(lab, engine, ...confined, ...owned, '--user=0')
    t.equal(await healthOf(engine), 'running healthy')
  })

  await t.test('the health check notices a gateway that hangs', async t => {
    await startGateway(lab, engine, ...hardened, '--health-retries=1', '--health-start-period=0s')
    t.equal(await healthOf(engine), 'running healthy')
    await engine.docker(['kill', '--signal', 'STOP', 'gateway'])
    for (const deadline = Date.now() + 30_000; (await healthOf(engine)) === 'running healthy'; await delay(100))
      if (Date.now() > deadline) break
    t.equal(await healthOf(engine), 'running unhealthy')
  })

  await t.test('the code is compiled in the image, for its user and for root', async t => {
    const count = `find /opt/tidegate/gateway /opt/tidegate/sidecar-init -name '*.ts' | wc -l
  find /opt/tidegate/.node/compile-cache/*-$(id -u) -type f | wc -l`
    for (const user of ['65532', '0']) {
      const { stdout } = await engine.docker(['run', '--rm', `--user=${user}`, productImage, 'sh', '-c', count])
      const [sources = 0, compiled = 0] = stdout.split('\n').map(Number)
      t.ok(sources > 100, `${sources} files`)
      t.ok(compiled >= sources, `${compiled} of them, and of the packages, compiled`)
    }
  })
})
