import type { Summary } from '../summary-shape.ts'
import { degradationText } from '../vocabulary.ts'
import { layOut } from './columns.ts'
import type { Terminal } from './terminal.ts'
import {
  activity,
  attempts,
  bytes,
  duration,
  findingMeaning,
  first,
  headline,
  isWhole,
  logSentence,
  methods,
  number,
  plural,
  target,
  why,
  yamlItem,
} from './words.ts'

/** Rows of a section before "and N more". */
const limit = 15

/** The report for a terminal, ends with a line feed. What the job sent in it is printable already. */
export function renderText(summary: Summary, terminal: Terminal): string {
  const sections = [head, refused, findings, reached, unseen, failures, processes, suggestions, foot]
  const parts = sections.map(section => section(summary, terminal)).filter(lines => lines.length > 0)
  return `${parts.map(lines => lines.join('\n')).join('\n\n')}\n`
}

function head(summary: Summary, { paint }: Terminal): string[] {
  const about = [`job ${summary.job}`, summary.mode ?? 'mode unknown', duration(summary.durationMs)]
  return [
    `${paint('bold', 'tidegate')} ${paint('dim', '·')} ${about.join(paint('dim', ' · '))}`,
    paint('bold', headline(summary)),
  ]
}

function refused(summary: Summary, { paint, width }: Terminal): string[] {
  const { shown, more } = first(summary.refused, limit)
  if (shown.length === 0) return []
  const lines = shown.flatMap(row => {
    const denied = row.verdict === 'deny'
    const mark = denied ? paint('bad', '✗') : paint('warn', '○')
    const facts = [attempts(row), row.example ?? methods(row.methods)].filter(fact => fact !== '').join(' · ')
    return [
      `  ${mark} ${paint('bold', target(row.host, row.ports))}  ${clip(why(row), width - row.host.length - 12)}`,
      paint('dim', `      ${clip(facts, width - 6)}`),
      ...row.processes.slice(0, 2).map(process => paint('dim', `      by ${clip(process, width - 9)}`)),
    ]
  })
  const title = summary.refused.some(row => row.verdict === 'deny') ? 'Refused' : 'Would be refused in block mode'
  return [paint('bold', title), ...lines, ...rest(more, paint)]
}

function findings(summary: Summary, { paint, width }: Terminal): string[] {
  if (summary.findings.length === 0) return []
  const lines = summary.findings
    .slice(0, limit)
    .flatMap(row => [
      `  ${paint('warn', '!')} ${clip(`${row.host ?? ''} ${findingMeaning(row.kind)}`.trim(), width - 4)}`,
      paint(
        'dim',
        `      ${clip([plural(row.count, 'time'), row.process ?? ''].filter(part => part !== '').join(' · '), width - 6)}`,
      ),
    ])
  return [paint('bold', 'Findings'), ...lines, ...rest(summary.findings.length - limit, paint)]
}

function reached(summary: Summary, { paint, width }: Terminal): string[] {
  const { shown, more } = first(summary.reached, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    `  ${target(row.host, row.ports)}`,
    activity(row),
    methods(row.methods),
    `↑ ${bytes(row.bytesSent)}`,
    `↓ ${bytes(row.bytesReceived)}`,
    row.processes.join('; '),
  ])
  return [paint('bold', 'Reached'), ...layOut(rows, width), ...rest(more, paint)]
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

function failures(summary: Summary, { paint, width }: Terminal): string[] {
  const { shown, more } = first(summary.failures, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [`  ${row.host ?? ''}`, row.error, `${number(row.count)}×`])
  return [paint('bold', 'Did not work'), ...layOut(rows, width), ...rest(more, paint)]
}

function processes(summary: Summary, { paint, width }: Terminal): string[] {
  const { shown, more } = first(summary.processes, 10)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    `  ${row.process}`,
    `${number(row.allow)} allowed`,
    row.observe > 0 ? `${number(row.observe)} observed` : '',
    row.deny > 0 ? `${number(row.deny)} refused` : '',
    `↑ ${bytes(row.bytesSent)}`,
    `↓ ${bytes(row.bytesReceived)}`,
  ])
  return [paint('bold', 'By process'), ...layOut(rows, width), ...rest(more, paint)]
}

function suggestions(summary: Summary, { paint }: Terminal): string[] {
  const { shown, more } = first(summary.suggestions, limit)
  if (shown.length === 0) return []
  return [
    `${paint('bold', 'To allow what was refused')}${paint('dim', ', if you want it; under allow: in the policy')}`,
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

function rest(more: number, paint: Terminal['paint']): string[] {
  return more > 0 ? [paint('dim', `  and ${number(more)} more`)] : []
}

function clip(text: string, width: number): string {
  const room = Math.max(16, width)
  return text.length > room ? `${text.slice(0, room - 1)}…` : text
}
