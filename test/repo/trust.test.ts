import t from 'tap'
import { planToolSettings } from '../../gateway/ca/tool-settings.ts'
import { planTrustEnvironment } from '../../gateway/ca/trust-environment.ts'
import { files, tableUnder, text } from './tree.ts'

const page = text('docs/trust.md')
const rows = tableUnder(page, '## Toolchains')
const tracked = new Set(files())

/** What is in backticks in a cell. */
function quoted(cell = ''): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '')
}

await t.test('docs/trust.md: a toolchain that is called tested is named in a test that exists', async t => {
  t.ok(rows.length >= 20, `${rows.length} toolchains`)
  for (const [tools, , by = ''] of rows) {
    if (by.startsWith('not:')) continue
    const named = quoted(by)
    t.ok(named.length > 0, `${tools}: a test, or “not:” and why`)
    for (const file of named) t.ok(tracked.has(file), file)
    // A shell script or a client beside the test is part of it.
    const texts = named.map(text).join('\n')
    for (const tool of quoted(tools)) t.match(texts, new RegExp(`(?<![\\w-])${RegExp.escape(tool)}(?![\\w])`), tool)
  }
})

await t.test('docs/trust.md: every variable that is set is named, and no toolchain is given another', async t => {
  const paths = { authority: '/x/ca.crt', bundle: '/x/bundle.pem', trustStore: '/x/truststore.p12' }
  const { variables } = await planToolSettings({}, paths.bundle)
  const set = Object.keys({ ...planTrustEnvironment({}, paths, true), ...variables })
  for (const name of set) t.match(page, `\`${name}\``)
  const known = new Set(set)
  for (const [tools, means] of rows)
    for (const name of quoted(means).filter(each => /^[A-Za-z]+(?:_[A-Za-z]+)+$/.test(each)))
      t.ok(known.has(name), `${tools}: ${name} is not set`)
})
