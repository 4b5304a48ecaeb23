import t from 'tap'
import { files, text } from './tree.ts'

const sources = files('.ts')

/** Files that are too long, with their lines: a file never joins, shrinks with its number, and leaves once it fits. */
const tooLong: Readonly<Record<string, number>> = {
  'test/gateway/integrity/engine.test.ts': 289,
  'test/gateway/integrity/git.test.ts': 254,
}

await t.test('no TypeScript file has more than 250 lines, tests included', async t => {
  t.ok(sources.length > 20, 'the list of files is not empty')
  const lines = sources.map(name => [name, text(name).split('\n').length - 1] as const)
  t.strictSame(Object.fromEntries(lines.filter(([, count]) => count > 250)), tooLong)
})

await t.test('file names are kebab-case and say what is in them', async t => {
  const vague = /(?:^|[/.-])(?:utils?|helpers?|common|misc|manager|service)(?:\.|\/)/
  t.strictSame(
    sources.filter(name => !/^[a-z0-9./-]+$/.test(name) || vague.test(name)),
    [],
  )
})

await t.test('there are no default exports, no any, no non-null marks, no ignored type errors', async t => {
  const bad = [/^export default /m, /(?::|as|<)\s*any\b(?! )/m, /@ts-(?:ignore|nocheck|expect-error)/, /\w!\.\w/]
  t.strictSame(
    sources
      .filter(name => name !== 'test/repo/style.test.ts')
      .filter(name => bad.some(pattern => pattern.test(text(name)))),
    [],
  )
})

await t.test('no error is swallowed: a catch has a body', async t => {
  const empty = /catch *(?:\([^)]*\))? *\{\s*\}|\.catch\(\(\) *=> *\{\s*\}\)/
  t.strictSame(
    sources.filter(name => name.startsWith('gateway/') && empty.test(text(name))),
    [],
  )
})

await t.test('no test is marked only or todo, and none is skipped without a reason', async t => {
  const marked = /\bt\.(?:only|todo|skip)\(|(?:only|todo): *true|skip: *true/
  t.strictSame(
    files('.test.ts').filter(name => name !== 'test/repo/style.test.ts' && marked.test(text(name))),
    [],
  )
})

await t.test('every ADR has context, options, decision and consequence, and is listed', async t => {
  const index = text('docs/adr/README.md')
  const records = files('.md').filter(name => /^docs\/adr\/\d{4}-/.test(name))
  t.ok(records.length >= 5)
  for (const name of records) {
    const body = text(name)
    for (const heading of ['## Context', '## Options', '## Decision', '## Consequence']) {
      t.ok(body.includes(heading), `${name} has ${heading}`)
    }
    t.ok(index.includes(name.replace('docs/adr/', '')), `${name} is listed`)
  }
})
