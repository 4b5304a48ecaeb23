// The usual clients in a build's container, none of them told what to trust: docs/trust.md says which of them this proves.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import * as z from 'zod'
import { openLab } from '../lab/lab.ts'
import { labRoots, openProject } from './compose-project.ts'
import type { Engine } from './engine/engine.ts'
import { places } from './engine/places.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'
import { stockShelf } from './engine/shelf.ts'

t.setTimeout(400_000)

const services = ['origins', 'git', 'npm', 'python'] as const
const skip = whyNoDocker(services)
const script = readFileSync(fileURLToPath(new URL('clients/trust.sh', import.meta.url)), 'utf8')
const published = fileURLToPath(new URL('../../compose/docker-compose.yml', import.meta.url))
const record = '/var/log/tidegate/build/latest'
const pinned = 'other.acme.test'
const passed = 'cdn.acme.test'

const policy = `version: 1
mode: block
allow: [api.acme.test, git.acme.test, npm.acme.test, pypi.acme.test, apt.acme.test, ${pinned}, 'tls://${passed}']
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`

/** Package managers that setup fetches beside npm; only here are they needed. */
const npmClients = `${places.materials}/npm-clients`
const further = existsSync(`${npmClients}/complete`) ? ['yarn', 'pnpm'] : []

const shared = ['curl', 'git', 'wget', 'openssl', 'urllib', 'requests', 'pip', 'ruby', 'php']

/** Images of the families. `rhel` has its roots where Fedora and RHEL have them, and nothing where Debian has them. */
const families = {
  debian: {
    dockerfile: `FROM lab/tools
COPY --from=node:24-bookworm-slim /usr/local /usr/local
COPY --from=lab/musl /usr/bin/uv /usr/bin/uv
`,
    clients: [...shared, 'uv', 'php-ini', 'apt', 'fetch', 'npm', ...further],
  },
  rhel: {
    dockerfile: `FROM lab/tools
RUN mkdir -p /etc/pki/tls/certs && mv /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \\
 && rm -rf /etc/ssl/certs /usr/lib/ssl/certs && ln -s /etc/pki/tls/certs /etc/ssl/certs
`,
    clients: shared,
  },
  musl: { dockerfile: 'FROM lab/musl\n', clients: ['uv-publish'] },
} as const

const logLine = z.looseObject({
  layer: z.string(),
  host: z.string().optional(),
  verdict: z.string().optional(),
  error: z.string().optional(),
  inspected: z.boolean().optional(),
})

async function makeImages(engine: Engine): Promise<void> {
  for (const [name, { dockerfile }] of Object.entries(families)) {
    const { exitCode, stderr } = await engine.docker(['build', '--tag', `acme/${name}`, '-'], { input: dockerfile })
    if (exitCode !== 0) throw new Error(`image ${name}: ${stderr}`)
  }
}

/** A further build beside `build`, as a user would write it: with the published variables. */
function buildService(image: string): object {
  const { 'x-trust': environment } = z
    .looseObject({ 'x-trust': z.record(z.string(), z.string()) })
    .parse(parse(readFileSync(published, 'utf8'), { merge: true }))
  return {
    image,
    environment,
    working_dir: '/workspace',
    volumes: ['.:/workspace', 'trust:/run/tidegate:ro', `${npmClients}/node_modules:/npm-clients:ro`],
    network_mode: 'service:net',
    depends_on: { init: { condition: 'service_healthy' } },
  }
}

t.test('clients of a build trust the gateway without being told', { skip }, async t => {
  await using lab = await openLab({ services })
  await using engine = await openProductEngine(lab)
  await stockShelf(lab)
  await makeImages(engine)
  const names = Object.keys(families)
  const builds = Object.fromEntries(names.map(name => [name, buildService(`acme/${name}`)]))
  await using project = openProject(lab, engine, 'trust', {
    policy,
    files: { 'trust.sh': script },
    override: `services:
${names.map(name => `  ${name}: ${JSON.stringify(builds[name])}`).join('\n')}
${labRoots}`,
  })
  const run = async (service: string, ...command: readonly string[]): ReturnType<typeof project.compose> =>
    project.compose(['run', '--rm', '--no-TTY', service, ...command], { timeoutMs: 180_000 })

  for (const [family, { clients }] of Object.entries(families))
    await t.test(`the family of ${family}`, async t => {
      await lab.origins.clear()
      const { stdout, stderr } = await run(family, 'sh', '/workspace/trust.sh', ...clients)
      const said = stdout.split('\n')
      for (const client of clients) t.ok(said.includes(`${client} ok`), `${client}\n${stdout}${stderr}`)
      const asked = (await lab.origins.requests()).map(({ host, target }) => `${host}${target}`)
      for (const client of clients) {
        const place = {
          git: 'git.acme.test/acme/app.git/',
          pip: 'pypi.acme.test/files/',
          uv: 'pypi.acme.test/files/',
          apt: 'apt.acme.test/bookworm/',
          npm: 'npm.acme.test/lab-right',
          yarn: 'npm.acme.test/lab-right',
          pnpm: 'npm.acme.test/lab-right',
          'php-ini': '',
        }[client]
        t.ok(
          asked.some(url => url.startsWith(place ?? `api.acme.test/echo?${client}`)),
          `${client} arrived: ${asked.join(' ')}`,
        )
      }
    })
  t.equal(further.length, 2, { skip: further.length === 0 && 'yarn and pnpm were not tested: make setup-docker' })

  await t.test('busybox’s own TLS, which wants signatures with SHA-1, cannot handshake', async t => {
    const { stdout, stderr } = await run('musl', 'sh', '/workspace/trust.sh', 'busybox')
    t.match(stdout, /^busybox exit 1$/m, stderr)
    t.match(stdout, 'handshake failure')
  })

  await t.test('a client that takes another authority only is refused, named, and told what to do', async t => {
    await lab.origins.clear()
    const curl = (host: string): ReturnType<typeof run> =>
      run('debian', 'curl', '-sS', '--cacert', '/workspace/lab-ca.pem', `https://${host}/echo`)
    t.equal((await curl(pinned)).exitCode, 60)
    t.equal((await curl(passed)).exitCode, 0, 'under a tls:// rule it sees the certificate of the origin')
    t.same(
      (await lab.origins.requests()).map(({ host }) => host),
      [passed],
    )
  })

  await project.compose(['stop', '--timeout', '20'])
  const log = await run('report', 'cat', `${record}/egress.ndjson`)
  const lines = log.stdout
    .trimEnd()
    .split('\n')
    .map(line => logLine.parse(JSON.parse(line)))

  await t.test('every request was read, but where a rule says otherwise', async t => {
    const requests = lines.filter(({ layer }) => layer === 'http')
    t.ok(requests.length > 30)
    t.same(
      requests.filter(({ inspected }) => inspected !== true),
      [],
    )
    t.match(
      lines.filter(({ layer, host }) => layer === 'tls' && host === passed),
      [{ verdict: 'allow', inspected: false }],
    )
    t.match(
      lines.filter(({ error }) => error === 'CLIENT_REFUSED_CA'),
      [{ layer: 'tls', host: pinned }],
    )
    t.match(
      lines.filter(({ error }) => error === 'CLIENT_TLS'),
      [{ layer: 'tls', host: 'api.acme.test' }],
      'busybox’s attempt',
    )
    t.same(await lab.sink.lines(), [])
  })

  for (const format of ['text', 'markdown', 'html'])
    await t.test(`the report says what to do about it, as ${format}`, async t => {
      const report = await run('report', 'tidegate', 'report', '--format', format, record)
      t.equal(report.exitCode, 0, report.stderr)
      t.match(report.stdout, `tls://${pinned}`)
      t.match(report.stdout, '/run/tidegate/bundle.pem')
    })
})
