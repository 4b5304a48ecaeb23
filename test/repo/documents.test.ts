import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { files, root, tableUnder, text } from './tree.ts'

const pages = files('.md')

await t.test('every relative link of every page leads to a file', async t => {
  const links = pages.flatMap(page =>
    [...text(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, to]) => ({
      page,
      to: to ?? '',
    })),
  )
  t.ok(links.length > 20, `${links.length} links`)
  t.strictSame(
    links.filter(({ page, to }) => !existsSync(join(root, normalize(join(dirname(page), to))))),
    [],
  )
})

await t.test('every attack of the threat model is held by a test that names it', async t => {
  const model = text('docs/threat-model.md')
  const parts = tableUnder(model, '## Attacks on what passes, and their tests')
  t.ok(parts.length > 8, `${parts.length} attacks on what passes`)
  const rows = [...tableUnder(model, '## Attacks and their tests'), ...parts]
  t.ok(rows.length > 45, `${rows.length} attacks`)
  const tests = files('.test.ts')
    .filter(name => /^test\/(?:netns|e2e|gateway)\//.test(name))
    .map(name => text(name))
    .join('\n')
  t.strictSame(
    rows.map(([id]) => id).filter(id => !new RegExp(`\\b${id}\\b`).test(tests)),
    [],
  )
})

await t.test('the README speaks only of commands, options and targets that exist', async t => {
  const readme = text('README.md')
  const program = text('gateway/cli/program.ts')
  const commands = new Set([...readme.matchAll(/bin\/tidegate ([a-z]+)/g)].map(([, name]) => name ?? ''))
  t.ok(commands.size >= 6)
  for (const name of commands) t.match(program, new RegExp(`^  ${name}: \\{`, 'm'), `tidegate ${name}`)
  const usage = text('gateway/cli/run.ts')
  for (const [, option] of readme.matchAll(/tidegate run[^\n]*?(--[a-z-]+)/g))
    t.ok(usage.includes(option ?? ''), `${option}`)
  for (const [, target] of readme.matchAll(/^make ([a-z-]+)/gm))
    t.match(text('Makefile'), new RegExp(`^${target}:`, 'm'))
})

await t.test('every npm package we depend on has its reason', async t => {
  const manifest: unknown = JSON.parse(text('package.json'))
  const names = (field: string): readonly string[] =>
    typeof manifest === 'object' && manifest !== null && field in manifest
      ? Object.keys(Reflect.get(manifest, field))
      : []
  const reasons = tableUnder(text('docs/dependencies.md'), '## At run time (npm)').map(([name]) =>
    name?.replaceAll('`', ''),
  )
  t.same(new Set(names('dependencies')), new Set(reasons))
})
