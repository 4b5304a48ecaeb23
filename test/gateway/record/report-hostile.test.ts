import * as fc from 'fast-check'
import t from 'tap'
import { renderReport } from '../../../gateway/record/report/render.ts'
import { terminalFor } from '../../../gateway/record/report/terminal.ts'
import { yamlItem } from '../../../gateway/record/report/words.ts'
import { parse } from 'yaml'
import { flowEvents } from './arbitrary-event.ts'
import { summarise } from './summarise.ts'

const dumb = terminalFor({ columns: 100 }, {})
const events = fc.array(flowEvents, { maxLength: 12 })

await t.test('renderText(): hostile text cannot move the cursor or begin a line (P1)', async t => {
  fc.assert(
    fc.property(events, job =>
      /^[^\p{Cc}\p{Cf}\u2028\u2029]*$/u.test(renderReport.text(summarise(job), dumb).replaceAll('\n', '')),
    ),
  )
  t.pass('held for every generated job')
})

await t.test('renderHtml(): hostile text is text: every tag is one of ours (P1)', async t => {
  const ours =
    /<(?:!doctype html|\/?(?:html|head|title|style|body|main|header|section|footer|p|h1|h2|b|dl|div|dd|dt|ul|li|table|thead|tbody|tr|th|td|code|span|pre|br)(?: \/)?(?: (?:lang|class)="[a-z ]*")?|meta [^<>]*)>/g
  fc.assert(
    fc.property(
      events,
      job =>
        !/[<>]/.test(
          renderReport
            .html(summarise(job), dumb)
            .replace(/<style>[^]*<\/style>/, '')
            .replace(ours, ''),
        ),
    ),
  )
  t.pass('held for every generated job')
})

/** A line without its code spans and escaped characters, as CommonMark reads it; undefined when a code span stays open. */
function outsideOfCode(line: string): string | undefined {
  let rest = line
  let outside = ''
  for (;;) {
    const next = /\\[!-/:-@[-`{-~]|`+/.exec(rest)
    if (next === null) return outside + rest
    outside += rest.slice(0, next.index)
    rest = rest.slice(next.index + next[0].length)
    if (next[0].startsWith('\\')) continue
    const close = [...rest.matchAll(/`+/g)].find(([run]) => run.length === next[0].length)
    if (close === undefined) return undefined
    rest = rest.slice(close.index + close[0].length)
  }
}

function isTame(line: string): boolean {
  const outside = outsideOfCode(line)
  return outside !== undefined && !/[<>[\]~]|\*(?!\*)(?<!\*\*)/.test(outside)
}

await t.test(
  'renderMarkdown(): hostile text stands in code spans or escaped, and ends no table, cell or fence (P1)',
  async t => {
    fc.assert(
      fc.property(events, job => {
        const outside = renderReport.markdown(summarise(job), dumb).replace(/^```yaml\n[^]*?^```$/m, '')
        const lines = outside.split('\n')
        const tame = lines.every(
          line => isTame(line) && /^$|^#{2,3} [A-Z]|^\| |^- |^and |^job |^The log|^To allow|^\*\*/.test(line),
        )
        const widths = lines.map((line, at) =>
          line.startsWith('|') && lines[at - 1]?.startsWith('|') === true
            ? cells(line) === cells(lines[at - 1] ?? '')
            : true,
        )
        if (!tame || !widths.every(Boolean)) throw new Error(lines.find(line => !isTame(line)) ?? outside)
      }),
      { numRuns: 500 },
    )
    t.pass('held for every generated job')
  },
)

function cells(line: string): number {
  return line.replace(/\\[!-/:-@[-`{-~]/g, '').split('|').length
}

await t.test('yamlItem(): reads back as the line it was, whatever it holds', async t => {
  const lines = fc.oneof(
    fc.string(),
    fc.constantFrom('GET,HEAD https://a.test/x', '**.a.test', 'tcp://a.test:22', 'https://a.test/#x', '- a', 'a: b'),
    fc.constantFrom('/s:', 'GET https:', '10', '1.5', '1e3', '0x1f', 'true', 'Null'),
  )
  fc.assert(
    fc.property(lines, line => {
      t.same(parse(yamlItem(line)), [line])
    }),
  )
})
