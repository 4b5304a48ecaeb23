import t from 'tap'
import { JobSummary } from '../../../gateway/record/job-summary.ts'
import type { FlowEvent } from '../../../gateway/record/event.ts'
import { renderHtml } from '../../../gateway/record/report/html.ts'
import { renderMarkdown } from '../../../gateway/record/report/markdown.ts'
import { renderText } from '../../../gateway/record/report/text.ts'
import { SourceTable } from '../../../gateway/record/source-table.ts'

const [one, two, three] = ['1', '2', '3'].map(digit => digit.repeat(40))
const process = { pid: 7, exe: '/usr/bin/dash', command: 'sh swap.sh', uid: 0, parents: ['/usr/bin/make'] }
const changed = (facts: Partial<FlowEvent>): FlowEvent => ({
  layer: 'file',
  startedAt: 1_000,
  event: 'overwritten',
  path: 'src/a.c',
  ...facts,
})

await t.test('a row for each file and what happened to it: before the first time, after the last', t => {
  const table = new SourceTable()
  table.add(changed({ before: one ?? '', after: two ?? '', process }))
  table.add(changed({ before: two ?? '', after: three ?? '', startedAt: 2_000 }))
  table.add(changed({ event: 'deleted', before: three ?? '' }))
  table.add({ layer: 'http', startedAt: 1, path: '/x' })
  t.strictSame(table.list(), [
    {
      path: 'src/a.c',
      event: 'overwritten',
      count: 2,
      before: one,
      firstAt: '1970-01-01T00:00:01.000Z',
      process: 'sh swap.sh ← make',
      after: three,
    },
    { path: 'src/a.c', event: 'deleted', count: 1, before: three, firstAt: '1970-01-01T00:00:01.000Z' },
  ])
  t.end()
})

await t.test('more files than fit are counted', t => {
  const table = new SourceTable()
  for (let at = 0; at < 600; at += 1) table.add(changed({ path: `f${at}` }))
  t.equal(table.list().length, 500)
  t.equal(table.omitted, 100)
  t.end()
})

await t.test('every format has the section, and a name in it stays text', t => {
  const summary = new JobSummary('build')
  summary.write(changed({ path: 'src/<b>|`x`.c', before: one ?? '', after: two ?? '', process }))
  const made = summary.summary({ state: 'open', lines: 1, lost: 0 })
  t.match(made.sources, [{ path: 'src/<b>|`x`.c', event: 'overwritten', count: 1 }])
  const text = renderText(made, { paint: (_style, words) => words, width: 100 })
  t.match(
    text,
    /Changed sources\n {2}! src\/<b>\|`x`\.c\n {6}a source file was overwritten · 1 time · sh swap\.sh ← make/,
  )
  t.match(renderMarkdown(made), /### Changed sources\n\n\| file .*\n.*\n\| ``src\/<b>\\\|`x`\.c`` \|/)
  t.match(renderHtml(made), /Changed sources[\s\S]*src\/&#60;b&#62;\|`x`\.c/)
  t.notOk(renderHtml(made).includes('src/<b>'))
  t.end()
})
