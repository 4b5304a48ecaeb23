import t from 'tap'
import type { SeenConnection } from '../../../gateway/insight/insight.ts'
import type { ProcessInfo } from '../../../gateway/record/event.ts'
import { Rig } from './rig.ts'
import { fields, seen } from './seen.ts'

/** A build script of Cargo, which its own path tells; and cargo itself. */
const script: ProcessInfo = {
  pid: 9,
  exe: '/w/target/debug/build/openssl-sys-0123456789abcdef/build-script-build',
  command: 'build-script-build',
  uid: 0,
  parents: ['/usr/bin/cargo'],
}
const cargo: ProcessInfo = { pid: 8, exe: '/usr/bin/cargo', command: 'cargo build', uid: 0, parents: ['/bin/sh'] }
const crate = { url: 'https://crates.acme.test/crates/x/x-1.0.0.crate' }

function connection(process: ProcessInfo): SeenConnection {
  const { host, port, flow } = seen({ url: 'https://git.acme.test:22/' })
  return { transport: 'tcp', host, port, flow, process }
}

for (const installScripts of ['report', 'deny'] as const)
  t.test(`installScripts: ${installScripts}`, async t => {
    const rig = new Rig({ installScripts })
    const rule = installScripts === 'deny' ? 'packages.installScripts cargo openssl-sys' : undefined
    const upload = { url: 'https://api.acme.test/upload', method: 'POST', process: script }
    const first = rig.fetch(upload, {})
    t.equal(first.rule, rule)
    t.same(first.details, { script: 'cargo openssl-sys' })
    rig.fetch(upload, {})
    t.match(rig.alarms, [
      { kind: 'install-script', subject: 'cargo openssl-sys', host: 'api.acme.test', port: 443, process: script },
    ])
    t.equal(rig.alarms.length, 1, 'the same again is not told again')
    t.equal(rig.watch.connection(connection(script))?.rule, rule)
    t.equal(rig.watch.connection(connection(cargo)), undefined)
    t.same(rig.kinds, ['install-script', 'install-script'])
    t.equal(rig.watch.request(seen({ ...upload, process: cargo })), undefined, 'the package manager is none')
  })

t.test('an install script may ask the registries of its kind, which others have asked before', async t => {
  const rig = new Rig({ installScripts: 'deny' })
  t.match(rig.fetch({ ...crate, process: script }, {}), {
    rule: 'packages.installScripts cargo openssl-sys',
    details: { script: 'cargo openssl-sys', purl: 'pkg:cargo/x@1.0.0' },
  })
  const carried = rig.watch.request(seen({ ...crate, process: script }))
  carried?.answered?.(200, fields())
  carried?.receiving?.(Buffer.from('x'))
  carried?.received?.()
  t.match(carried?.ended?.()?.details, { sha256: String }, 'audit carries it, and its digest is taken')
  rig.fetch({ ...crate, process: cargo }, {})
  t.equal(rig.fetch({ ...crate, process: script }, {}).rule, undefined)
  t.equal(
    rig.fetch({ url: 'https://static.crates.io/crates/x/x-1.0.0.crate', process: script }, {}).rule,
    undefined,
    'the usual one',
  )
  t.ok(
    rig.fetch({ url: 'https://crates.acme.test/api/v1/crates/new', method: 'PUT', process: script }, {}).rule,
    'but not publish',
  )
  t.ok(rig.fetch({ url: 'https://registry.npmjs.org/x/-/x-1.0.0.tgz', process: script }, {}).rule, 'nor another kind')
})

t.test('a registry that only an install script or a refused request asked is none', async t => {
  const rig = new Rig({ installScripts: 'deny' })
  rig.fetch({ ...crate, process: script }, {})
  rig.fetch({ ...crate, process: cargo, verdict: 'deny' }, {})
  t.ok(rig.fetch({ ...crate, process: script }, {}).rule)
})

t.test('npm install in a script of the project: packages and its audit, and nothing else of the registry', async t => {
  const environment = 'npm_lifecycle_event=postinstall\0npm_package_name=app\0'
  const procRoot = t.testdir({ 9: { stat: '9 (npm) S 1 1 1', cmdline: 'npm\0install\0', environ: environment } })
  const rig = new Rig({ installScripts: 'deny' }, undefined, procRoot)
  const npm: ProcessInfo = { pid: 9, exe: '/usr/bin/node', command: 'npm install', uid: 0, parents: [] }
  const post = (path: string): string | undefined =>
    rig.fetch({ url: `https://registry.npmjs.org${path}`, method: 'POST', process: npm }, {}).rule
  t.equal(rig.fetch({ url: 'https://registry.npmjs.org/x/-/x-1.0.0.tgz', process: npm }, {}).rule, undefined)
  t.equal(post('/-/npm/v1/security/advisories/bulk'), undefined)
  t.equal(post('/-/npm/v1/tokens'), 'packages.installScripts npm app')
})

t.test('a flood of findings is told up to a bound, and that there are more', async t => {
  const rig = new Rig({ internal: [{ scope: 'own-*', from: 'npm.acme.test' }] })
  for (let at = 0; at < 2_100; at += 1)
    rig.fetch({ url: `https://npm.test/own-${at}/-/own-${at}-1.0.0.tgz` }, { status: 404 })
  t.equal(rig.alarms.length, 2_001)
  t.match(rig.alarms.at(-1)?.note, /^there are more findings/)
})
