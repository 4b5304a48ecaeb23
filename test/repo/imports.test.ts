import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { files, tableUnder, text } from './tree.ts'

/** What each folder may import besides itself and gateway/errors.ts: the table of ARCHITECTURE.md. */
const allowed: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  tableUnder(text('ARCHITECTURE.md'), '## The tree')
    .filter(([, , names]) => names !== 'all')
    .map(([folder = '', , names = '']) => [
      folder.replaceAll('`', '').replace('gateway/', ''),
      names.split(', ').filter(name => name !== '–'),
    ]),
)

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

const folderOf = (name: string): string | undefined =>
  /^(?:gateway\/([a-z-]+)|(sidecar-init))\//.exec(name)?.slice(1).find(Boolean)
const all = files('.ts').flatMap(importsOf)

await t.test('relative imports are seen at all', async t => {
  t.ok(all.length > 100, `${all.length} imports`)
})

await t.test('the table of the tree names every folder, and no other', async t => {
  const folders = new Set(files('.ts').flatMap(name => folderOf(name) ?? []))
  t.same(
    [...folders].filter(folder => folder !== 'cli' && allowed[folder] === undefined),
    [],
  )
  t.same(
    Object.keys(allowed).filter(folder => !folders.has(folder) && !/^(?:test\/lab|bench|demo)$/.test(folder)),
    [],
  )
})

await t.test('a folder of the gateway imports only what the architecture allows', async t => {
  const bad = all.filter(({ from, to }) => {
    const source = folderOf(from)
    const target = folderOf(to)
    if (source === undefined || source === 'cli' || !/^(?:gateway|sidecar-init)\//.test(to)) return false
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
  const users = (pattern: RegExp): readonly string[] =>
    files('.ts').filter(file => /^(?:gateway|sidecar-init)\//.test(file) && pattern.test(text(file)))
  t.strictSame(users(/import (?!type\b)[^\n]*'(?:node:)?child_process'/), ['gateway/packet/run.ts'])
  t.strictSame(users(/from 'koffi'/), ['gateway/packet/libc.ts'])
})
