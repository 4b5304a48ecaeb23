import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { type Run, thisMachine } from '../../../../gateway/policy/detect/this-machine.ts'
import { unzipOne } from '../../../../gateway/policy/detect/zip.ts'

interface Call {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

function recorder(exitCode = 0): { readonly run: Run; readonly calls: Call[] } {
  const calls: Call[] = []
  const run: Run = async (file, args, { env, cwd }) => {
    calls.push({ file, args, env, cwd })
    return { exitCode, stdout: 'https://npm.acme.test/' }
  }
  return { run, calls }
}

async function program(folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), '#!/bin/sh\n')
  await chmod(join(folder, name), 0o755)
}

t.test('ask(): runs no program of the project, however PATH leads there', async t => {
  const root = t.testdir({ project: {}, tools: {} })
  const project = join(root, 'project')
  const tools = join(root, 'tools')
  await program(join(project, 'node_modules/.bin'), 'npm')
  await symlink(join(project, 'node_modules/.bin'), join(root, 'linked'))
  await program(tools, 'pnpm')
  await symlink(join(project, 'node_modules/.bin/npm'), join(tools, 'npm'))
  const { run, calls } = recorder()
  const env = { PATH: `.:node_modules/.bin:${project}/node_modules/.bin:${root}/linked:${tools}`, HOME: root }
  const machine = thisMachine({ run, env, root: project, signal: AbortSignal.timeout(30_000) })
  t.strictSame(await machine.ask('npm', []), { text: '', fault: 'missing' })
  t.strictSame(calls, [])
  t.strictSame(await machine.ask('pnpm', ['x']), { text: 'https://npm.acme.test/' })
  t.match(calls, [{ file: join(tools, 'pnpm'), args: ['x'], cwd: '/', env: { PATH: tools } }])
})

t.test('ask(): hands on settings, and nothing that loads code', async t => {
  const root = t.testdir({ project: {} })
  await program(join(root, 'tools'), 'npm')
  const { run, calls } = recorder()
  const dangerous = {
    NODE_OPTIONS: '--require ./x.js',
    LD_PRELOAD: './x.so',
    PYTHONPATH: '.',
    PYTHONSTARTUP: 'x.py',
    JAVA_TOOL_OPTIONS: '-javaagent:x.jar',
    MAVEN_OPTS: '-javaagent:x.jar',
    GIT_SSH_COMMAND: './x',
    BASH_ENV: './x',
    npm_config_node_options: '--require ./x.js',
    npm_config_script_shell: './x',
    GOFLAGS: '-toolexec=./x',
    YARN_YARN_PATH: './x',
    TOKEN: 'SECRET',
  }
  const settings = {
    HOME: root,
    npm_config_registry: 'https://npm.acme.test/',
    PIP_INDEX_URL: 'https://pip.acme.test/',
    GOPROXY: 'https://go.acme.test',
    CARGO_HOME: '/x',
  }
  const machine = thisMachine({
    run,
    env: { ...dangerous, ...settings, PATH: join(root, 'tools') },
    root: join(root, 'project'),
    signal: AbortSignal.timeout(30_000),
  })
  await machine.ask('npm', [])
  const env = calls[0]?.env ?? {}
  t.match(env, { ...settings, GOTOOLCHAIN: 'local', COREPACK_ENABLE_NETWORK: '0', YARN_IGNORE_PATH: '1' })
  t.strictSame(
    Object.keys(dangerous).filter(name => name in env),
    [],
  )
})

t.test('ask(): asks once however often it is asked, and tells a failure from silence', async t => {
  const root = t.testdir({ project: {} })
  await program(join(root, 'tools'), 'npm')
  const { run, calls } = recorder(1)
  const asked: string[] = []
  const machine = thisMachine({
    run,
    env: { PATH: join(root, 'tools') },
    root: join(root, 'project'),
    signal: AbortSignal.timeout(30_000),
    onAsk: command => asked.push(command),
  })
  t.strictSame(await machine.ask('npm', ['a']), { text: '', fault: 'failed' })
  await machine.ask('npm', ['a'])
  t.equal(calls.length, 1)
  t.strictSame(asked, ['npm a'])
})

t.test('readFile(): shows the home folder as ~ and says what cannot be read', async t => {
  const home = t.testdir({ '.npmrc': 'registry=https://npm.acme.test/', folder: {}, binary: 'a\0b' })
  const faults: string[] = []
  const machine = thisMachine({
    run: recorder().run,
    env: { HOME: home },
    root: '/nowhere',
    signal: AbortSignal.timeout(30_000),
    onFault: path => faults.push(path),
  })
  t.strictSame(await machine.readFile('~/.npmrc'), { path: '~/.npmrc', text: 'registry=https://npm.acme.test/' })
  t.equal(await machine.readFile('~/missing'), undefined)
  t.strictSame(faults, [])
  t.equal(await machine.readFile('~/folder'), undefined)
  t.equal(await machine.readFile('~/binary'), undefined)
  t.strictSame(faults, ['~/folder', '~/binary'])
  t.strictSame(await machine.list('~/nothing'), [])
})

function zipOf(name: string, content: Buffer, method: 0 | 8): Buffer {
  const packed = method === 8 ? deflateRawSync(content) : content
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04_03_4b_50, 0)
  local.writeUInt16LE(name.length, 26)
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02_01_4b_50, 0)
  central.writeUInt16LE(method, 10)
  central.writeUInt32LE(packed.length, 20)
  central.writeUInt32LE(content.length, 24)
  central.writeUInt16LE(name.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06_05_4b_50, 0)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(30 + name.length + packed.length, 16)
  return Buffer.concat([local, Buffer.from(name), packed, central, Buffer.from(name), end])
}

t.test('unzipOne(): unpacks a stored and a deflated file', async t => {
  for (const method of [0, 8] as const) {
    t.equal(unzipOne(zipOf('a/b', Buffer.from('text'), method), 'a/b', 100)?.toString(), 'text')
    t.equal(unzipOne(zipOf('a/b', Buffer.from('text'), method), 'a/c', 100), undefined)
  }
})

t.test('unzipOne(): gives nothing, when the archive is broken or unpacks to too much', async t => {
  const good = zipOf('a', Buffer.alloc(1_000_000), 8)
  t.equal(unzipOne(good, 'a', 1_000), undefined)
  for (let length = 0; length < good.length; length += 7)
    t.equal(unzipOne(good.subarray(0, length), 'a', 2_000_000), undefined)
  for (let at = 0; at < good.length; at += 1) {
    const bent = Buffer.from(good)
    bent[at] = 0xff
    const result = unzipOne(bent, 'a', 2_000_000)
    t.ok(result === undefined || result.length <= 2_000_000)
  }
})
