import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import t from 'tap'
import { openLab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import { tarOf } from '../lab/services/tar.ts'
import { zipOf } from '../lab/services/zip.ts'
import { blockPolicy } from './behind.ts'
import { runSteps } from './steps.ts'
import { findProgram, whyNoToolchain } from './toolchain.ts'

t.setTimeout(180_000)

const goHomes = ['/usr/local/go/bin', '/usr/lib/go/bin']

const module = 'lab.test/greeting'
const goFiles: Readonly<Record<string, string | Uint8Array>> = {
  list: 'v1.2.0\n',
  'v1.2.0.info': '{"Version":"v1.2.0","Time":"2020-01-02T03:04:05Z"}',
  'v1.2.0.mod': `module ${module}\n\ngo 1.21\n`,
  'v1.2.0.zip': zipOf([
    { path: `${module}@v1.2.0/go.mod`, content: `module ${module}\n\ngo 1.21\n` },
    { path: `${module}@v1.2.0/greeting.go`, content: 'package greeting\n\nconst Text = "hello from the lab"\n' },
  ]),
}

await t.test('go fetches a module', { skip: whyNoLab(['origins']) || whyNoToolchain('go', goHomes) }, async t => {
  await using lab = await openLab({ services: ['origins'] })
  await lab.serve('proxy.acme.test')
  for (const [name, body] of Object.entries(goFiles))
    await lab.origins.script('proxy.acme.test', `/${module}/@v/${name}`, { status: 200, body })
  const go = findProgram('go', goHomes) ?? 'go'
  const fetch = `printf 'module x.test/app\\n\\ngo 1.21\\n' >go.mod && printf 'package main\\nimport "${module}"\\nfunc main() { println(greeting.Text) }\\n' >main.go
export GOPROXY=https://proxy.acme.test GONOSUMDB='*' GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPATH="$WORK/go" GOCACHE="$WORK/cache" CGO_ENABLED=0
'${go}' get ${module}@v1.2.0 && '${go}' list -m all`
  const policy = blockPolicy(['proxy.acme.test'], 'packages: { minimumAgeDays: 30 }\n')
  const run = await runSteps(lab, { policy, steps: { fetch }, stepSeconds: 60, timeoutMs: 120_000 })
  t.match(run.step('fetch').stdout, `${module} v1.2.0`, run.step('fetch').stderr)
  t.match(
    run.lines.filter(({ details }) => details?.['purl'] !== undefined),
    [
      {
        verdict: 'allow',
        details: { purl: `pkg:golang/${module}@v1.2.0`, published: '2020-01-02T03:04:05.000Z', promise: 'none' },
      },
    ],
  )
  t.same(
    run.lines.filter(({ event }) => event === 'anomaly'),
    [],
  )
})

/** What a dependency's build script does: it speaks plain HTTP, as nothing else is in the standard library. */
const buildScript = `use std::io::{Read, Write};
fn main() {
    let stream = std::net::TcpStream::connect("api.acme.test:80");
    if let Ok(mut stream) = stream {
        let _ = stream.write_all(b"POST /echo/build HTTP/1.1\\r\\nHost: api.acme.test\\r\\nContent-Length: 1\\r\\nConnection: close\\r\\n\\r\\nx");
        let _ = stream.read_to_end(&mut Vec::new());
    }
}
`

const crate = gzipSync(
  tarOf(
    [
      ['Cargo.toml', '[package]\nname = "lab-crate"\nversion = "1.0.0"\nedition = "2021"\nbuild = "build.rs"\n'],
      ['build.rs', buildScript],
      ['src/lib.rs', 'pub fn text() -> &\'static str { "hello" }\n'],
    ].map(([path = '', content = '']) => ({ path: `lab-crate-1.0.0/${path}`, content })),
  ),
)

/** The toolchain itself: rustup's own shim needs the home of whoever installed it. */
async function cargoFolder(): Promise<string | undefined> {
  const { stdout, exitCode } = await execa('rustup', ['which', 'cargo'], { reject: false })
  const path = exitCode === 0 ? stdout.trim() : findProgram('cargo')
  return path?.slice(0, path.lastIndexOf('/'))
}

await t.test(
  'cargo builds a crate whose build script calls somebody',
  { skip: whyNoLab(['origins']) || whyNoToolchain('cargo') },
  async t => {
    await using lab = await openLab({ services: ['origins'] })
    await lab.serve('crates.acme.test')
    const cksum = createHash('sha256').update(crate).digest('hex')
    const entry = { name: 'lab-crate', vers: '1.0.0', deps: [], features: {}, cksum, yanked: false }
    for (const [path, body] of [
      ['/index/config.json', JSON.stringify({ dl: 'https://crates.acme.test/crates' })],
      ['/index/la/b-/lab-crate', `${JSON.stringify(entry)}\n`],
      ['/crates/lab-crate/1.0.0/download', crate],
    ] as const)
      await lab.origins.script('crates.acme.test', path, { status: 200, body })
    const build = `mkdir -p .cargo src && printf '[source.crates-io]\\nreplace-with = "lab"\\n[source.lab]\\nregistry = "sparse+https://crates.acme.test/index/"\\n' >.cargo/config.toml
printf '[package]\\nname = "app"\\nversion = "0.1.0"\\nedition = "2021"\\n[dependencies]\\nlab-crate = "1"\\n' >Cargo.toml
printf 'fn main() { println!("{}", lab_crate::text()) }\\n' >src/main.rs
export CARGO_HOME="$WORK/home" PATH="${(await cargoFolder()) ?? ''}:$PATH"
cargo run -q`
    const policy = blockPolicy(
      ['GET https://crates.acme.test/**', 'POST http://api.acme.test/**'],
      'packages: { installScripts: deny }\n',
    )
    const run = await runSteps(lab, { policy, steps: { build }, stepSeconds: 90, timeoutMs: 150_000 })
    t.equal(run.step('build').stdout, 'hello\n', run.step('build').stderr)
    t.match(
      run.lines.filter(({ details }) => details?.['purl'] !== undefined),
      [{ verdict: 'allow', details: { purl: 'pkg:cargo/lab-crate@1.0.0', sha256: cksum, promise: 'kept' } }],
    )
    t.match(
      run.lines.filter(({ verdict }) => verdict === 'deny'),
      [
        {
          host: 'api.acme.test',
          rule: 'packages.installScripts cargo lab-crate',
          details: { script: 'cargo lab-crate' },
        },
      ],
    )
    t.match(
      run.lines.filter(({ event }) => event === 'anomaly'),
      [{ host: 'api.acme.test', details: { kind: 'install-script', subject: 'cargo lab-crate' } }],
    )
    t.same(await lab.origins.requests({ host: 'api.acme.test' }), [], 'nothing of it got out')
  },
)
