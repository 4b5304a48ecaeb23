import { basename } from 'node:path'
import t from 'tap'
import { files, tableUnder, text } from './tree.ts'

const pages = files('.md').filter(name => name.startsWith('docs/incidents/') && !name.endsWith('README.md'))
const replays = files('.test.ts').filter(name => name.startsWith('test/e2e/replays/'))

await t.test('every page of an incident has a replay, and every replay a page', async t => {
  t.ok(pages.length >= 5)
  for (const page of pages)
    t.ok(
      replays.some(replay => text(page).includes(replay)),
      `${page} names its replay`,
    )
  for (const replay of replays) {
    const named = /docs\/incidents\/[a-z0-9-]+\.md/.exec(text(replay))?.[0]
    t.ok(named !== undefined && pages.includes(named), `${replay} names its page: ${named}`)
  }
})

await t.test('the list of incidents is complete', async t => {
  const listed = tableUnder(text('docs/incidents/README.md'), '# Incidents, replayed').map(
    ([link]) => /\(([a-z0-9-]+\.md)\)/.exec(link ?? '')?.[1],
  )
  t.strictSame(new Set(listed), new Set(pages.map(page => basename(page))))
})
