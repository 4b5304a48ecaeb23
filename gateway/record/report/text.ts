import type { FindingRow, RefusedRow, Summary } from '../summary-shape.ts'
import { degradationText } from '../vocabulary.ts'
import { layOut, wrap } from './columns.ts'
import { packages } from './packages-text.ts'
import { sources } from './sources-text.ts'
import type { Terminal } from './terminal.ts'
import { clip, rest } from './text-lines.ts'
import {
  activity,
  attempts,
  bytes,
  duration,
  findingMeaning,
  findingRemedies,
  first,
  headline,
  isWhole,
  logSentence,
  methods,
  number,
  plural,
  target,
  toldOnce,
  why,
  yamlItem,
} from './words.ts'

type Section = (summary: Summary, terminal: Terminal) => string[]

/** Rows of a section before "and N more". */
const limit = 15
/** The same at the end of a run, where the reader wants to go on; the rest is in summary.md. */
const briefLimit = 8

/** The report for a terminal, ends with a line feed. What the job sent in it is printable already. */
export function renderText(summary: Summary, terminal: Terminal): string {
  const offered = { ...summary, refused: toldOnce(summary.refused) }
  return join(
    [head, refused, observed, findings, sources, reached, packages, unseen, failures, processes, suggestions, foot],
    offered,
    terminal,
  )
}

/**
 * What `run` prints at its end: what was refused and found, and no line twice. What was reached is left out where it stands
 * among what block mode would refuse; what each process did, and what was passed unread, is in the whole report.
 */
export function renderBrief(summary: Summary, terminal: Terminal): string {
  const shown = toldOnce(summary.refused)
  const told = new Set(shown.filter(row => row.verdict === 'observe' && row.attempts > 0).map(row => row.host))
  const brief = {
    ...summary,
    refused: shown,
    reached: summary.reached.filter(row => !told.has(row.host)),
    // Of what was only observed `tidegate suggest` makes a policy, from all of the log.
    suggestions: [
      ...shown.filter(row => row.verdict === 'deny').flatMap(row => row.allow),
      ...summary.findings.flatMap(row => row.allow ?? []),
    ],
  }
  const short = { ...terminal, rows: briefLimit }
  const sections = [refused, observed, findings, reached, packages, unseenInShort, failures, suggestions, foot]
  return `${head(summary, terminal).join('\n')}\n\n${join(sections, brief, short)}`
}

function join(sections: readonly Section[], summary: Summary, terminal: Terminal): string {
  const parts = sections.map(section => section(summary, terminal)).filter(lines => lines.length > 0)
  return `${parts.map(lines => lines.join('\n')).join('\n\n')}\n`
}

function head(summary: Summary, { paint }: Terminal): string[] {
  const about = [`job ${summary.job}`, summary.mode ?? 'mode unknown', duration(summary.durationMs)]
  return [
    `${paint('bold', 'tidegate')} ${paint('dim', '·')} ${about.join(paint('dim', ' · '))}`,
    paint('bold', headline(summary)),
    ...(summary.failed ?? []).map(reason => paint('bad', `The policy fails this job: ${reason}`)),
  ]
}

function refused(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(
    summary.refused.filter(row => row.verdict === 'deny'),
    rows,
  )
  if (shown.length === 0) return []
  const names = shown.map(row => target(row.host, row.ports))
  const column = Math.min(36, Math.max(...names.map(name => name.length)))
  const lines = shown.flatMap((row, at) => {
    const name = names[at] ?? ''
    const reason = why(row)
    const fits = Math.max(column, name.length) + 6 + reason.length <= width
    const facts = [row.example ?? methods(row.methods), attempts(row), row.processes[0] ?? '']
    return [
      `  ${paint('bad', '✗')} ${paint('bold', fits ? name.padEnd(column) : name)}${fits ? `  ${reason}` : ''}`,
      ...(fits ? [] : [`      ${clip(reason, width - 6)}`]),
      paint('dim', `      ${clip(facts.filter(fact => fact !== '').join(' · '), width - 6)}`),
    ]
  })
  return [paint('bold', 'Refused'), ...lines, ...rest(more, paint)]
}

function observed(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(
    summary.refused.filter(row => row.verdict === 'observe'),
    rows,
  )
  if (shown.length === 0) return []
  const lines = layOut(
    shown.map(row => [
      target(row.host, row.ports),
      row.reason.replaceAll('-', ' '),
      methods(row.methods) || tried(row),
      row.bytesSent > 0 ? `↑ ${bytes(row.bytesSent)}` : '',
      row.processes[0] ?? '',
    ]),
    width - 4,
  )
  return [
    paint('bold', 'Would be refused in block mode'),
    ...lines.map(line => `  ${paint('warn', '○')} ${line}`),
    ...rest(more, paint),
  ]
}

function tried(row: RefusedRow): string {
  if (row.attempts > 0) return plural(row.attempts, 'attempt')
  return row.names > 1 ? plural(row.names, 'name') : plural(row.lookups, 'lookup')
}

function findings(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(summary.findings, rows)
  if (shown.length === 0) return []
  const lines = shown.flatMap(row => [
    ...whatWasFound(row, width - 4).map((line, at) => `  ${at === 0 ? paint('warn', '!') : ' '} ${line}`),
    ...findingRemedies(row).map(remedy => `      ${clip(remedy, width - 6)}`),
    paint(
      'dim',
      `      ${clip([plural(row.count, 'time'), row.process ?? ''].filter(part => part !== '').join(' · '), width - 6)}`,
    ),
  ])
  return [paint('bold', 'Findings'), ...lines, ...rest(more, paint)]
}

/** An alarm is a sentence of its own, with what to do at its end: nothing of it is cut. */
function whatWasFound(row: FindingRow, width: number): string[] {
  if (row.note === undefined) return [clip(`${row.host ?? ''} ${findingMeaning(row)}`.trim(), width)]
  return wrap(row.host === undefined ? row.note : `${row.host}: ${row.note}`, width)
}

function reached(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(summary.reached, rows)
  if (shown.length === 0) return []
  const lines = shown.map(row => [
    `  ${target(row.host, row.ports)}`,
    activity(row),
    methods(row.methods),
    `↑ ${bytes(row.bytesSent)}`,
    `↓ ${bytes(row.bytesReceived)}`,
    row.processes.join('; '),
  ])
  return [paint('bold', 'Reached'), ...layOut(lines, width), ...rest(more, paint)]
}

function unseen(summary: Summary, { paint, width }: Terminal): string[] {
  const { shown, more } = first(summary.unseen, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    `  ${target(row.host, row.port === undefined ? [] : [row.port])}`,
    row.protocol,
    plural(row.connections, 'connection'),
    `↑ ${bytes(row.bytesSent)}`,
    `↓ ${bytes(row.bytesReceived)}`,
  ])
  return [paint('bold', 'Passed without looking inside'), ...layOut(rows, width), ...rest(more, paint)]
}

function unseenInShort(summary: Summary, { paint, width }: Terminal): string[] {
  if (summary.unseen.length === 0) return []
  const places = summary.unseen.map(row => target(row.host, row.port === undefined ? [] : [row.port]))
  return [`${paint('bold', 'Passed without looking inside')}  ${clip([...new Set(places)].join(', '), width - 31)}`]
}

function failures(summary: Summary, { paint, width, rows = limit }: Terminal): string[] {
  const { shown, more } = first(summary.failures, rows)
  if (shown.length === 0) return []
  const lines = shown.map(row => [`  ${row.host ?? ''}`, row.error, `${number(row.count)}×`])
  return [paint('bold', 'Did not work'), ...layOut(lines, width), ...rest(more, paint)]
}

function processes(summary: Summary, { paint, width }: Terminal): string[] {
  const { shown, more } = first(summary.processes, 10)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    row.allow > 0 ? `  ${number(row.allow)} allowed` : '  ',
    row.observe > 0 ? `${number(row.observe)} observed` : '',
    row.deny > 0 ? `${number(row.deny)} refused` : '',
    `↑ ${bytes(row.bytesSent)}`,
    `↓ ${bytes(row.bytesReceived)}`,
    row.process,
  ])
  return [paint('bold', 'By process'), ...layOut(rows, width), ...rest(more, paint)]
}

function suggestions(summary: Summary, { paint, rows = limit }: Terminal): string[] {
  const { shown, more } = first([...new Set(summary.suggestions)], rows)
  if (shown.length === 0) return []
  return [
    `${paint('bold', 'To allow what was refused')}${paint('dim', ', if it is wanted: under allow: in the policy')}`,
    ...shown.map(line => `  ${paint('good', yamlItem(line))}`),
    ...rest(more, paint),
  ]
}

function foot(summary: Summary, { paint }: Terminal): string[] {
  const style = summary.log.state === 'broken' ? 'bad' : isWhole(summary) ? 'dim' : 'warn'
  return [
    ...summary.degraded.map(row =>
      paint(
        'bad',
        `Protection degraded: ${degradationText[row.kind]}${row.note === undefined ? '' : ` (${row.note})`}`,
      ),
    ),
    paint(style, logSentence(summary.log)),
    ...(summary.log.head === undefined ? [] : [paint('dim', `Its head is ${summary.log.head}`)]),
  ]
}
