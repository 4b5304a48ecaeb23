import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { files, text } from './tree.ts'

/** What each folder may import besides itself and gateway/errors.ts (ARCHITECTURE.md, "The tree"). */
const allowed: Readonly<Record<string, readonly string[]>> = {
  net: [],
  policy: ['net'],
  record: ['net', 'policy'],
  jobs: ['net', 'policy', 'record', 'packet'],
  packet: ['net', 'policy', 'record', 'jobs', 'upstream'],
  upstream: ['net', 'policy', 'jobs'],
  dns: ['net', 'policy', 'record', 'jobs', 'upstream'],
  ca: ['net', 'policy'],
  http: ['net', 'policy', 'record', 'jobs', 'upstream'],
  door: ['net', 'policy', 'record', 'jobs', 'upstream', 'dns', 'ca', 'http'],
  observe: ['net', 'policy', 'record'],
}

interface Import {
  readonly from: string
  readonly to: string
}

const importing =
  /(?:^|\n)(?:import|export)\b[^'"\n]*(?:\{[^}]*\}[^'"\n]*)?['"](\.[^'"]+)['"]|import\(['"](\.[^'"]+)['"]\)/g

function importsOf(name: string): readonly Import[] {
  return [...text(name).matchAll(importing)].map(match => ({
    from: name,
    to: normalize(join(dirname(name), match[1] ?? match[2] ?? '')),
  }))
}

const folderOf = (name: string): string | undefined => /^gateway\/([a-z-]+)\//.exec(name)?.[1]
const all = files('.ts')
  .filter(name => existsSync(name))
  .flatMap(importsOf)

await t.test('relative imports are seen at all', async t => {
  t.ok(all.length > 100, `${all.length} imports`)
})

await t.test('a folder of the gateway imports only what the architecture allows', async t => {
  const bad = all.filter(({ from, to }) => {
    const source = folderOf(from)
    const target = folderOf(to)
    if (source === undefined || source === 'cli' || !to.startsWith('gateway/')) return false
    if (target === undefined) return to !== 'gateway/errors.ts'
    return source !== target && !(allowed[source] ?? []).includes(target)
  })
  t.strictSame(bad, [])
})

await t.test('nothing outside of tests imports a test, a benchmark or the lab', async t => {
  t.strictSame(
    all.filter(({ from, to }) => /^(?:gateway|sidecar-init)\//.test(from) && /^(?:test|bench|demo)\//.test(to)),
    [],
  )
})

await t.test('one file runs programs and one file calls libc', async t => {
  const users = (name: string): readonly string[] =>
    files('.ts').filter(file => /^(?:gateway|sidecar-init)\//.test(file) && text(file).includes(`from '${name}'`))
  t.strictSame(users('execa'), ['gateway/packet/run.ts'])
  t.equal(users('koffi').length, 1)
})
