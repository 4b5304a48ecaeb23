import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { auditPolicy, blockPolicy, tidegate } from './behind.ts'
import { linesFor } from './record-check.ts'
import { runSteps } from './steps.ts'
import { findProgram, whyNoToolchain } from './toolchain.ts'

t.setTimeout(180_000)

/** Where cargo is itself: `cargo` may be a chooser of versions, which needs a home folder that the lab does not have. */
async function cargoProgram(): Promise<string> {
  const { stdout, exitCode } = await execa('rustc', ['--print', 'sysroot'], { reject: false })
  const own = `${stdout.trim()}/bin/cargo`
  return exitCode === 0 && existsSync(own) ? own : (findProgram('cargo') ?? 'cargo')
}

const mavenSettings = `<settings><mirrors><mirror>
  <id>lab</id><mirrorOf>*</mirrorOf><url>https://api.acme.test/status/404/maven</url>
</mirror></mirrors></settings>
`
const cargoManifest = `[package]
name = "w"
version = "1.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
lab-left = "1"
`
const cargoConfig = `[source.crates-io]
replace-with = "lab"
[source.lab]
registry = "sparse+https://api.acme.test/echo/cargo/"
`

/** What a package manager asks its index for before anything else; the lab has no index for it, so the build itself fails. */
const clients = {
  mvn: {
    script: 'mvn -B -s "$LAB/settings.xml" -Dmaven.repo.local="$WORK/m2" org.example:lab:1.0:run',
    path: /^\/status\/404\/maven\/org\/example\/lab\/1\.0\/lab-1\.0\.pom$/,
    agent: /^Apache-Maven/,
  },
  cargo: {
    script:
      'mkdir -p w/.cargo && cp "$LAB/Cargo.toml" w/ && cp "$LAB/config.toml" w/.cargo/ && cd w && touch lib.rs && CARGO_HOME="$WORK/cargo" "$CARGO" fetch',
    path: /^\/echo\/cargo\/config\.json$/,
    agent: /^cargo/,
  },
} as const

await t.test('package managers reach their index', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  for (const [name, text] of [
    ['settings.xml', mavenSettings],
    ['Cargo.toml', cargoManifest],
    ['config.toml', cargoConfig],
  ] as const)
    writeFileSync(lab.file(name), text)
  for (const name of ['mvn', 'cargo'] as const)
    await t.test(name, { skip: whyNoToolchain(name) }, async t => {
      await lab.origins.clear()
      const { script, path, agent } = clients[name]
      const run = await runSteps(lab, {
        policy: blockPolicy(['api.acme.test']),
        env: { LAB: lab.dir, CARGO: name === 'cargo' ? await cargoProgram() : '' },
        steps: { [name]: script },
      })
      const { stdout, stderr } = run.step(name)
      const arrived = (await lab.origins.requests()).find(request => path.test(request.path))
      t.match(arrived?.headers.find(([header]) => header.toLowerCase() === 'user-agent')?.[1], agent, stdout + stderr)
      const lines = linesFor(run.lines, 'api.acme.test', { layer: 'http' })
      t.match(lines[0], { verdict: 'allow', inspected: true, path })
      t.strictSame(
        run.lines.filter(({ error }) => error !== undefined),
        [],
      )
    })
})

await t.test('a client that takes another authority only', { skip: whyNoLab() }, async t => {
  await using lab = await openLab()
  const steps = {
    pinned: `curl -sS --cacert '${lab.ca.certPath}' https://other.acme.test/echo`,
    again: `curl -sS --cacert '${lab.ca.certPath}' https://other.acme.test/echo`,
    passed: `curl -sS --cacert '${lab.ca.certPath}' https://cdn.acme.test/echo`,
  }
  for (const [mode, policy] of [
    ['block', blockPolicy(['other.acme.test', 'tls://cdn.acme.test'])],
    ['audit', auditPolicy.replace('[]', "[other.acme.test, 'tls://cdn.acme.test']")],
  ] as const)
    await t.test(`in ${mode}`, async t => {
      await lab.origins.clear()
      const run = await runSteps(lab, { policy, steps })
      const exits = [run.step('pinned').exitCode, run.step('again').exitCode, run.step('passed').exitCode]
      // In audit a client may fail once; what it wants then is passed unread.
      t.strictSame(exits, mode === 'block' ? [60, 60, 0] : [60, 0, 0])
      const refused = run.lines.filter(({ error }) => error === 'CLIENT_REFUSED_CA')
      t.equal(refused.length, mode === 'block' ? 2 : 1)
      for (const line of refused) t.match(line, { layer: 'tls', host: 'other.acme.test', inspected: false })
      const arrived = (await lab.origins.requests()).map(({ host }) => host)
      t.strictSame(arrived, mode === 'block' ? ['cdn.acme.test'] : ['other.acme.test', 'cdn.acme.test'])

      const told = ['/run/tidegate/bundle.pem', 'tls://other.acme.test']
      for (const words of told) t.match(readFileSync(`${run.out}/summary.md`, 'utf8'), words, 'summary.md')
      for (const format of ['text', 'markdown', 'html']) {
        const report = await lab.host.exec(tidegate, ['report', '--format', format, `${run.out}/egress.ndjson`])
        for (const words of told) t.match(report.stdout, words, format + report.stderr)
      }
    })
})
