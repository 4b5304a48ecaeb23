import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { type InstallScript, readProcessAt } from '../../../gateway/packages/install-script.ts'
import { InstallScripts } from '../../../gateway/packages/install-scripts.ts'
import type { ProcessInfo } from '../../../gateway/record/event.ts'

interface Shown {
  readonly parent: number
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** A procfs of files that shows these processes. */
function procfs(dir: string, processes: Readonly<Record<number, Shown>>): string {
  for (const [pid, { parent, command = ['sh'], environment = {} }] of Object.entries(processes)) {
    mkdirSync(`${dir}/${pid}`)
    writeFileSync(`${dir}/${pid}/stat`, `${pid} (a ) name) S ${parent} 1 1`)
    writeFileSync(`${dir}/${pid}/cmdline`, `${command.join('\0')}\0`)
    const entries = Object.entries(environment).map(([name, value]) => `${name}=${value}\0`)
    writeFileSync(`${dir}/${pid}/environ`, entries.join(''))
  }
  return dir
}

function process(pid: number, more: Partial<ProcessInfo> = {}): ProcessInfo {
  return { pid, exe: '/usr/bin/node', command: 'node x.js', uid: 0, parents: [], ...more }
}

const postinstall = { npm_lifecycle_event: 'postinstall', npm_package_name: 'evil', npm_package_version: '1.0.0' }

const cases: readonly [what: string, processes: Readonly<Record<number, Shown>>, found: object | undefined][] = [
  ['an npm postinstall script', { 9: { parent: 1, environment: postinstall } }, { ecosystem: 'npm', of: 'evil@1.0.0' }],
  [
    'a grandchild with an empty environment',
    { 9: { parent: 8 }, 8: { parent: 7 }, 7: { parent: 1, environment: postinstall } },
    { ecosystem: 'npm' },
  ],
  [
    'npm run build',
    { 9: { parent: 8, environment: { ...postinstall, npm_lifecycle_event: 'build' } }, 8: { parent: 1 } },
    undefined,
  ],
  [
    'npm run build below a postinstall script',
    { 9: { parent: 8, environment: { npm_lifecycle_event: 'build' } }, 8: { parent: 1, environment: postinstall } },
    { ecosystem: 'npm' },
  ],
  ['npm itself', { 9: { parent: 8, command: ['npm', 'install'] }, 8: { parent: 1 } }, undefined],
  [
    'a build of pip',
    {
      9: { parent: 8 },
      8: {
        parent: 1,
        command: ['python3', '/x/pip/_vendor/pyproject_hooks/_in_process/_in_process.py', 'build_wheel'],
      },
    },
    { ecosystem: 'pypi', of: undefined },
  ],
  [
    'an old setup.py of pip',
    { 9: { parent: 1, command: ['python3', '-u', '-c', '# This is <pip-setuptools-caller>\nexec(1)', 'egg_info'] } },
    { ecosystem: 'pypi' },
  ],
  [
    'a hook by its environment',
    { 9: { parent: 1, environment: { _PYPROJECT_HOOKS_BUILD_BACKEND: 'x' } } },
    { ecosystem: 'pypi' },
  ],
  [
    'what a build script of Cargo has left behind',
    {
      9: {
        parent: 1,
        command: ['curl', 'https://x.test'],
        environment: { CARGO_PKG_NAME: 'a', NUM_JOBS: '2', OPT_LEVEL: '0', OUT_DIR: '/w/target/debug/build/a-1/out' },
      },
    },
    { ecosystem: 'cargo', of: 'a' },
  ],
  [
    'a test of a crate with a build script',
    { 9: { parent: 1, environment: { CARGO_PKG_NAME: 'a', OUT_DIR: '/w/target/debug/build/a-1/out' } } },
    undefined,
  ],
  ['pip itself', { 9: { parent: 1, command: ['python3', '-m', 'pip', 'install', 'x'] } }, undefined],
  [
    'an extension of a gem',
    { 9: { parent: 8 }, 8: { parent: 1, command: ['ruby', 'extconf.rb'] } },
    { ecosystem: 'gem', of: undefined },
  ],
  [
    'a maintainer’s script',
    { 9: { parent: 1, environment: { DPKG_MAINTSCRIPT_PACKAGE: 'lib' } } },
    { ecosystem: 'deb', of: 'lib' },
  ],
  [
    'a maintainer’s script by its name',
    { 9: { parent: 1, command: ['sh', '/var/lib/dpkg/info/lib.postinst', 'configure'] } },
    { ecosystem: 'deb', of: 'lib' },
  ],
  [
    'configure && make',
    { 9: { parent: 8, command: ['curl', 'https://x.test'] }, 8: { parent: 1, command: ['make'] } },
    undefined,
  ],
  ['a process that is gone', {}, undefined],
  ['a loop of parents', { 9: { parent: 8 }, 8: { parent: 9 } }, undefined],
]

for (const [what, processes, found] of cases)
  t.test(`above(): ${what}`, async t => {
    const scripts = new InstallScripts(procfs(t.testdir(), processes))
    const script = scripts.above(process(9))
    t.match(script, found)
    t.equal(script === undefined, found === undefined)
  })

t.test('above(): without a procfs, by what is known of the process', async t => {
  const scripts = new InstallScripts(undefined)
  const crate = '/w/target/debug/build/openssl-sys-0123456789abcdef/build-script-build'
  t.match(scripts.above(process(9, { exe: crate })), { ecosystem: 'cargo', of: 'openssl-sys' })
  t.match(scripts.above(process(9, { parents: ['/bin/sh', crate] })), { ecosystem: 'cargo', of: 'openssl-sys' })
  t.equal(scripts.above(process(9)), undefined)
  t.equal(scripts.above(undefined), undefined)
})

t.test('above(): what nothing tells any more, its lineage does', async t => {
  const dir = procfs(t.testdir(), { 9: { parent: 1 }, 8: { parent: 1, environment: postinstall } })
  const asked: number[] = []
  const scriptOf = (pid: number): InstallScript => {
    asked.push(pid)
    return { ecosystem: 'npm', of: undefined }
  }
  const scripts = new InstallScripts(dir, { scriptOf })
  t.same(scripts.above(process(9)), { ecosystem: 'npm', of: undefined })
  t.match(scripts.above(process(8)), { of: 'evil@1.0.0' })
  t.same(asked, [9])
})

t.test('readProcessAt(): who installs', async t => {
  const commands: readonly [string, readonly string[], 'npm' | undefined][] = [
    ['npm', ['node', '/usr/bin/npm', 'ci'], 'npm'],
    ['npm with options', ['/opt/node', '--no-warnings', '/x/npm-cli.js', '--silent', 'install', 'x'], 'npm'],
    ['npm by its title', ['npm install x'], 'npm'],
    ['pnpm', ['node', '/x/pnpm.cjs', 'i'], 'npm'],
    ['yarn of a project', ['node', '.yarn/releases/yarn-4.1.0.cjs', 'add', 'x'], 'npm'],
    ['npm run install', ['node', '/usr/bin/npm', 'run', 'install'], undefined],
    ['npm test', ['npm test'], undefined],
    ['a shell that starts npm', ['sh', '-c', 'npm install x'], undefined],
    ['another script of node', ['node', 'install.js', 'install'], undefined],
    ['git', ['git', 'clone', 'https://x.test/npm', 'install'], undefined],
  ]
  for (const [what, command, installs] of commands) {
    const dir = procfs(t.testdir(), { 9: { parent: 1, command } })
    t.same(readProcessAt(`${dir}/9`), { script: undefined, installs }, what)
    rmSync(`${dir}/9`, { recursive: true })
  }
  t.equal(readProcessAt(`${t.testdir()}/9`), undefined)
})

t.test('above(): a process is looked at once', async t => {
  const dir = procfs(t.testdir(), { 9: { parent: 1, environment: postinstall } })
  const scripts = new InstallScripts(dir)
  const info = process(9)
  const first = scripts.above(info)
  writeFileSync(`${dir}/9/environ`, '')
  t.equal(scripts.above(info), first)
  t.equal(scripts.above(process(9)), undefined, 'another look at it is another process')
})
