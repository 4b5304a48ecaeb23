import type { RefusedRow, Summary } from '../summary-shape.ts'
import { degradationText } from '../vocabulary.ts'
import { amount, Markup, markup, none, type Piece, section } from './html-markup.ts'
import { style } from './html-style.ts'
import { packages } from './packages-html.ts'
import { sources } from './sources-html.ts'
import {
  activity,
  attempts,
  bytes,
  duration,
  findingMeaning,
  findingRemedies,
  headline,
  isWhole,
  logSentence,
  methods,
  number,
  plural,
  refusedTitle,
  target,
  toldOnce,
  why,
  yamlItem,
} from './words.ts'

/** The report as one self-contained page: no script, no request, light and dark, fit for print and for an e-mail. */
export function renderHtml(summary: Summary): string {
  const title = `Tidegate: job ${summary.job}`
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${title}</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <main>
          ${head(summary)}${failed(summary)}${degraded(summary)}${refused(summary)}${suggestions(summary)}${findings(summary)}${sources(summary)}${reached(summary)}${packages(summary)}${unseen(summary)}${failures(summary)}${processes(summary)}${foot(summary)}
        </main>
      </body>
    </html>
`.text
}

function head(summary: Summary): Markup {
  const { totals } = summary
  const tiles: readonly (readonly [string, string, string])[] = [
    [totals.flows.allow > 0 ? 'good' : '', number(totals.flows.allow), 'flows allowed'],
    [totals.flows.observe > 0 ? 'warn' : '', number(totals.flows.observe), 'observed'],
    [totals.flows.deny > 0 ? 'bad' : '', number(totals.flows.deny), 'refused'],
    ['', bytes(totals.bytesSent), 'sent'],
    ['', bytes(totals.bytesReceived), 'received'],
  ]
  return markup`<header>
    <p class="brand">tidegate</p>
    <h1>${headline(summary)}</h1>
    <p class="about">
      job <b>${summary.job}</b> · ${summary.mode ?? 'mode unknown'} ·
      ${duration(summary.durationMs)}${summary.startedAt === undefined ? '' : ` · started ${summary.startedAt.replace(/T(.*)\.\d+Z$/, ' $1 UTC')}`}
    </p>
    <dl class="tiles">
      ${tiles.map(
        ([kind, value, name]) =>
          markup`<div class="${kind}">
            <dd>${value}</dd>
            <dt>${name}</dt>
          </div>`,
      )}
    </dl>
  </header> `
}

function failed({ failed: reasons = [] }: Summary): Markup {
  if (reasons.length === 0) return none
  return markup`<section class="alarm">
    <h2>The policy fails this job</h2>
    <ul>
      ${reasons.map(reason => markup`<li>${reason}</li>`)}
    </ul>
  </section> `
}

function degraded(summary: Summary): Markup {
  if (summary.degraded.length === 0) return none
  return markup`<section class="alarm">
    <h2>Protection degraded</h2>
    <ul>
      ${summary.degraded.map(
        row => markup`<li>${degradationText[row.kind]}${row.note === undefined ? '' : ` (${row.note})`}</li>`,
      )}
    </ul>
  </section> `
}

function refused(summary: Summary): Markup {
  const rows = toldOnce(summary.refused)
  const { title, mixed } = refusedTitle(rows)
  const cells = rows.map(row => refusedCells(row, mixed))
  return section(title, ['destination', 'why', 'tried', 'by'], cells, summary.omitted.refused)
}

function refusedCells(row: RefusedRow, mixed: boolean): readonly Piece[] {
  const mark =
    row.verdict === 'deny'
      ? markup` <span class="tag bad">refused</span>`
      : markup` <span class="tag warn">would be refused</span>`
  return [
    markup`<code>${target(row.host, row.ports)}</code>${mixed ? mark : none}`,
    why(row),
    markup`${attempts(row)}<br /><code>${row.example ?? methods(row.methods)}</code>`,
    row.processes.map(process => markup`<code class="block">${process}</code>`),
  ]
}

function suggestions(summary: Summary): Markup {
  if (summary.suggestions.length === 0) return none
  const lines = summary.suggestions.map(line => `  ${yamlItem(line)}\n`).join('')
  return markup`<section>
    <h2>To allow what was refused</h2>
    <p>If you want it, under <code>allow:</code> in the policy. Read each line first.</p>
    <pre>
allow:
${lines}</pre>
  </section> `
}

function findings(summary: Summary): Markup {
  const rows = summary.findings.map(row => [
    row.host === undefined ? '' : markup`<code>${row.host}</code>`,
    [findingMeaning(row), ...findingRemedies(row)].join(', '),
    plural(row.count, 'time'),
    row.process === undefined ? '' : markup`<code>${row.process}</code>`,
  ])
  return section('Findings', ['where', 'what', 'how often', 'by'], rows, summary.omitted.findings)
}

function reached(summary: Summary): Markup {
  const rows = summary.reached.map(row => [
    markup`<code>${target(row.host, row.ports)}</code>`,
    activity(row),
    methods(row.methods),
    amount(row.bytesSent),
    amount(row.bytesReceived),
    row.processes.map(process => markup`<code class="block">${process}</code>`),
  ])
  return section('Reached', ['host', 'flows', 'methods', 'sent', 'received', 'by'], rows, summary.omitted.reached)
}

function unseen(summary: Summary): Markup {
  const rows = summary.unseen.map(row => [
    markup`<code>${target(row.host, row.port === undefined ? [] : [row.port])}</code>`,
    row.protocol,
    plural(row.connections, 'connection'),
    amount(row.bytesSent),
    amount(row.bytesReceived),
  ])
  const columns = ['destination', 'protocol', 'flows', 'sent', 'received']
  return section('Passed without looking inside', columns, rows, summary.omitted.unseen)
}

function failures(summary: Summary): Markup {
  const rows = summary.failures.map(row => [
    row.host === undefined ? '' : markup`<code>${row.host}</code>`,
    markup`<code>${row.error}</code>`,
    plural(row.count, 'time'),
  ])
  return section('Did not work', ['host', 'error', 'how often'], rows, summary.omitted.failures)
}

function processes(summary: Summary): Markup {
  const rows = summary.processes.map(row => [
    markup`<code>${row.process}</code>`,
    amount(number(row.allow)),
    amount(number(row.observe)),
    amount(number(row.deny)),
    amount(row.bytesSent),
    amount(row.bytesReceived),
  ])
  const columns = ['process', 'allowed', 'observed', 'refused', 'sent', 'received']
  return section('By process', columns, rows, summary.omitted.processes)
}

function foot(summary: Summary): Markup {
  const kind = summary.log.state === 'broken' ? 'bad' : isWhole(summary) ? 'good' : 'warn'
  const hash = summary.log.head === undefined ? none : markup`<br />Head: <code>${summary.log.head}</code>`
  return markup`<footer class="${kind}"><p>${logSentence(summary.log)}${hash}</p></footer>`
}
