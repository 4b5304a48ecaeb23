import { execFileSync } from 'node:child_process'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { GatewayError } from '../../../../gateway/errors.ts'
import { type Bounds, defaultBounds, readProject } from '../../../../gateway/policy/detect/project-files.ts'

function wants(path: string): boolean {
  return path.endsWith('package.json') || path === '.git/config'
}

async function looked(
  root: string,
  bounds: Partial<Bounds> = {},
): Promise<{ readonly paths: readonly string[]; readonly warnings: readonly string[] }> {
  const { files, findings } = await readProject(
    root,
    wants,
    { ...defaultBounds, ...bounds },
    AbortSignal.timeout(30_000),
  )
  return {
    paths: files.map(file => file.path),
    warnings: findings.map(finding => (finding.kind === 'warning' ? finding.place.file : finding.kind)),
  }
}

t.test('readProject(): reads what is wanted, and not what others brought', async t => {
  const root = t.testdir({
    'package.json': '{}',
    '.git': { config: '', hooks: { 'package.json': '{}' } },
    sub: { 'package.json': '{}' },
    node_modules: { x: { 'package.json': '{}' } },
    vendor: { 'package.json': '{}' },
  })
  t.strictSame(await looked(root), { paths: ['.git/config', 'package.json', 'sub/package.json'], warnings: [] })
})

t.test('readProject(): follows a link inside the project, and none out of it', async t => {
  const root = t.testdir({
    outside: { 'package.json': '{"secret":1}' },
    project: { real: { 'package.json': '{}' }, a: {}, b: {}, c: {} },
  })
  const project = join(root, 'project')
  await symlink('../real/package.json', join(project, 'a/package.json'))
  await symlink('../../outside/package.json', join(project, 'b/package.json'))
  await symlink('nowhere', join(project, 'c/package.json'))
  await symlink('../outside', join(project, 'folder'))
  await symlink('.', join(project, 'loop'))
  t.strictSame(await looked(project), {
    paths: ['a/package.json', 'real/package.json'],
    warnings: ['b/package.json', 'c/package.json'],
  })
})

t.test('readProject(): waits for no pipe', async t => {
  const root = t.testdir({})
  execFileSync('mkfifo', [join(root, 'package.json')])
  t.strictSame(await looked(root), { paths: [], warnings: ['package.json'] })
})

t.test('readProject(): passes over what is not text', async t => {
  const root = t.testdir({})
  await writeFile(join(root, 'package.json'), Buffer.from([0x7b, 0, 0x7d]))
  t.strictSame(await looked(root), { paths: [], warnings: ['package.json'] })
})

t.test('readProject(): ends at its bounds and says so', async t => {
  const root = t.testdir({
    a: { 'package.json': '{}' },
    b: { 'package.json': '{}' },
    c: { d: { 'package.json': '{}' } },
  })
  t.strictSame(await looked(root, { files: 1 }), { paths: ['a/package.json'], warnings: ['b/package.json'] })
  t.strictSame(await looked(root, { depth: 1 }), { paths: ['a/package.json', 'b/package.json'], warnings: ['c/d/'] })
  t.equal((await looked(root, { names: 2 })).warnings.length, 1)
  t.strictSame((await looked(root, { bytes: 1 })).warnings, ['b/package.json'])
})

t.test('readProject(): throws USAGE, when there is no such folder', async t => {
  const root = t.testdir({ file: '' })
  for (const name of ['missing', 'file'])
    await t.rejects(looked(join(root, name)), { constructor: GatewayError, code: 'USAGE' })
})
