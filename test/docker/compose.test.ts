import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import * as z from 'zod'
import { planTrustEnvironment } from '../../gateway/ca/trust-environment.ts'
import { openLab } from '../lab/lab.ts'
import { labRoots, openProject } from './compose-project.ts'
import { openProductEngine } from './engine/product-engine.ts'
import { whyNoDocker } from './engine/requirements.ts'

const published = fileURLToPath(new URL('../../compose/docker-compose.yml', import.meta.url))
const examples = fileURLToPath(new URL('../../compose/examples/', import.meta.url))
const skip = whyNoDocker()

const composeConfig = z.object({
  services: z.record(
    z.string(),
    z.looseObject({
      network_mode: z.string().optional(),
      privileged: z.boolean().optional(),
      cap_add: z.array(z.string()).optional(),
    }),
  ),
})

const logLine = z.looseObject({
  job: z.string(),
  layer: z.string(),
  verdict: z.string().optional(),
  event: z.string().optional(),
})

const policy = `version: 1
mode: block
allow: [api.acme.test]
tls: { extraCa: [/etc/tidegate/lab-ca.pem] }
`

t.test('the compose file has the variables that a job of `run` would have', async t => {
  const text = readFileSync(published, 'utf8')
  const { 'x-trust': trust } = z
    .looseObject({ 'x-trust': z.record(z.string(), z.string()) })
    .parse(parse(text, { merge: true }))
  const at = '/run/tidegate'
  const paths = { authority: `${at}/ca.crt`, bundle: `${at}/bundle.pem`, trustStore: `${at}/truststore.p12` }
  t.same(trust, {
    ...planTrustEnvironment({}, paths, true),
    APT_CONFIG: `${at}/apt.conf`,
    WGETRC: `${at}/wgetrc`,
    PHP_INI_SCAN_DIR: `:${at}`,
  })
})

t.test('a project with the published compose file', { skip }, async t => {
  await using lab = await openLab({ services: ['origins', 'metadata'] })
  await using engine = await openProductEngine(lab)

  await t.test('up ends with the exit code of the build, which reached what is allowed and nothing else', async t => {
    const build = `
const tell = async (what, url) => console.log(what, await fetch(url, { signal: AbortSignal.timeout(5000) }).then(r => r.status, e => e.cause?.code ?? e.name))
await tell('allowed', 'https://api.acme.test/echo')
await tell('refused', 'https://evil.test/')
await tell('literal', 'https://203.0.113.66/')
await tell('metadata', 'http://169.254.169.254/latest/')
process.exit(7)
`
    await using project = openProject(lab, engine, 'exit-code', {
      policy,
      files: { 'build.mjs': build },
      override: `services:
  build: { command: [node, build.mjs] }
${labRoots}`,
    })
    const up = await project.compose(['up', '--exit-code-from', 'build'])
    t.equal(up.exitCode, 7, up.stdout + up.stderr)
    t.match(up.stdout, 'allowed 200')
    t.match(up.stdout, 'refused ENOTFOUND')
    for (const refused of ['literal 403', 'metadata 403']) t.match(up.stdout, refused, 'the gateway says why')
    t.equal((await lab.origins.requests({ host: 'api.acme.test' })).length, 1)
    t.same(await lab.sink.lines(), [])

    const report = await project.compose(['run', '--rm', '--no-TTY', 'report'])
    t.equal(report.exitCode, 0, report.stderr)
    t.match(report.stdout, 'api.acme.test')
    t.match(report.stdout, 'evil.test')
    const verify = ['run', '--rm', '--no-TTY', 'report', 'tidegate', 'verify', '/var/log/tidegate/build/latest']
    t.equal((await project.compose(verify)).exitCode, 0, 'the record is sealed')
  })

  await t.test('every example is a valid overlay, and leaves the build no way but the wire', async t => {
    await using project = openProject(lab, engine, 'examples', { policy, override: 'services: {}\n' })
    const env = {
      AZP_URL: 'https://dev.azure.com/acme',
      AZP_TOKEN: 'x',
      RUNNER_URL: 'https://github.com/acme',
      RUNNER_TOKEN: 'x',
    }
    for (const name of readdirSync(examples).filter(each => each.endsWith('.yml'))) {
      const config = ['-f', 'docker-compose.yml', '-f', `${examples}${name}`, 'config', '--format', 'json']
      const { exitCode, stdout, stderr } = await project.compose(config, { env })
      t.equal(exitCode, 0, `${name}: ${stderr}`)
      const { services } = composeConfig.parse(JSON.parse(stdout))
      const { gateway: _gateway, init: _init, net: _net, ...others } = services
      for (const [service, { network_mode: network, privileged, cap_add: added }] of Object.entries(others)) {
        t.equal(network, 'service:net', `${name}: ${service}`)
        t.notOk(privileged)
        t.notOk(added)
      }
    }
  })

  await t.test('a database beside the build is the build’s alone', async t => {
    const serving = `require('node:net').createServer(s => s.on('error', () => {}).end('rows')).listen(5432, '0.0.0.0')`
    await using project = openProject(lab, engine, 'database', {
      policy,
      files: { 'database.yml': readFileSync(`${examples}database.yml`, 'utf8') },
      override: `services:
  build:
    command: [node, -e, "require('node:net').connect(5432, '127.0.0.1').on('data', d => console.log('has', String(d)))"]
  database:
    image: node:24-bookworm-slim
    command: [node, -e, ${JSON.stringify(serving)}]
    healthcheck:
      test: [CMD, node, -e, "require('node:net').connect(5432).on('connect', () => process.exit(0))"]
  neighbour:
    image: node:24-bookworm-slim
    profiles: [neighbour]
    command: [node, -e, "require('node:net').connect(5432, process.argv[1]).on('connect', () => console.log('reached')).on('error', e => console.log('not reached', e.code))", 'gateway']
${labRoots}`,
    })
    const files = ['docker-compose.yml', 'database.yml', 'docker-compose.override.yml'].flatMap(file => ['-f', file])
    const up = await project.compose([...files, 'up', '--exit-code-from', 'build'])
    t.equal(up.exitCode, 0, up.stdout + up.stderr)
    t.match(up.stdout, 'has rows')
    await project.compose([...files, 'up', '--detach', '--wait', 'database'])
    const neighbour = await project.compose([...files, 'run', '--rm', '--no-TTY', 'neighbour'])
    t.match(neighbour.stdout, 'not reached', neighbour.stderr)
    t.equal((await project.compose([...files, 'down', '--volumes', '--timeout', '2'])).exitCode, 0)
  })

  await t.test(
    'a team’s gateway serves two jobs at once, each with a record of its own, and tells Prometheus',
    async t => {
      const fetching = (path: string): string =>
        JSON.stringify(`fetch('https://api.acme.test${path}').then(r => console.log(r.status))`)
      await using project = openProject(lab, engine, 'team', {
        file: 'examples/team/docker-compose.yml',
        policy,
        files: {
          'gateway.yaml': readFileSync(`${examples}team/gateway.yaml`, 'utf8'),
          'policies/web.yaml': policy,
          'policies/api.yaml': policy.replace('api.acme.test', 'GET https://api.acme.test/echo'),
        },
        override: `services:
  web: { command: [node, -e, ${fetching('/bytes/10')}] }
  api: { command: [node, -e, ${fetching('/bytes/10')}] }
  prometheus:
    image: node:24-bookworm-slim
    ports: !reset []
    command: [node, -e, "fetch('http://gateway:9464/metrics').then(r => r.text()).then(console.log)"]
${labRoots}`,
      })
      await project.compose(['up', '--detach', '--wait', 'gateway'])
      const [web, api] = await Promise.all(
        ['web', 'api'].map(async job => project.compose(['run', '--rm', '--no-TTY', job])),
      )
      t.equal(web?.stdout, '200\n', web?.stderr ?? 'no web')
      t.equal(api?.stdout, '403\n', api?.stderr ?? 'no api')
      const metrics = await project.compose(['run', '--rm', '--no-TTY', 'prometheus'])
      t.match(metrics.stdout, /^tidegate_jobs 2$/m, metrics.stderr)
      t.match(metrics.stdout, /^tidegate_flows_total\{.*layer="http".*verdict="deny".*reason="path".*\} 1$/m)
      await project.compose(['stop', '--timeout', '20'])
      for (const [job, verdict] of [
        ['web', 'allow'],
        ['api', 'deny'],
      ] as const) {
        const cat = ['run', '--rm', '--no-TTY', 'report', 'cat', `/var/log/tidegate/${job}/latest/egress.ndjson`]
        const lines = (await project.compose(cat)).stdout
          .trimEnd()
          .split('\n')
          .map(line => logLine.parse(JSON.parse(line)))
        t.same([...new Set(lines.map(line => line.job))], [job])
        t.same(
          lines.filter(({ layer }) => layer === 'http').map(line => line.verdict),
          [verdict],
        )
        t.match(lines.at(-1), { event: 'sealed' })
      }
    },
  )
})
