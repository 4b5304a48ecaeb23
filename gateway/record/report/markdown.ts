import type { Summary } from '../summary-shape.ts'
import { degradationText } from '../vocabulary.ts'
import { code, fenced, plain, rest, table } from './markdown-text.ts'
import { packages } from './packages-markdown.ts'
import { sources } from './sources-markdown.ts'
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
  refusedTitle,
  target,
  toldOnce,
  why,
  yamlItem,
} from './words.ts'

/** Rows of a table before "and N more": job summaries are cut at 1 MB by GitHub and read by people. */
const limit = 50

/**
 * The report as Markdown that GitHub's and Azure's job summaries both render: tables, no HTML. What the job sent stands
 * in code spans or escaped, so a host or path that holds markup is text.
 */
export function renderMarkdown(summary: Summary): string {
  const sections = [
    head,
    failed,
    degraded,
    refused,
    suggestions,
    findings,
    sources,
    reached,
    packages,
    unseen,
    failures,
    processes,
    foot,
  ]
  const parts = sections.map(section => section(summary)).filter(lines => lines.length > 0)
  return `${parts.map(lines => lines.join('\n')).join('\n\n')}\n`
}

function head(summary: Summary): string[] {
  const about = [`job ${code(summary.job)}`, summary.mode ?? 'mode unknown', duration(summary.durationMs)]
  return [`## Tidegate: ${headline(summary)}`, '', about.join(' · ')]
}

function failed(summary: Summary): string[] {
  return (summary.failed ?? []).map(reason => `**The policy fails this job:** ${plain(reason)}`)
}

function degraded(summary: Summary): string[] {
  return summary.degraded.map(
    row =>
      `**Protection degraded:** ${degradationText[row.kind]}${row.note === undefined ? '' : ` (${plain(row.note)})`}`,
  )
}

function refused(summary: Summary): string[] {
  const { shown, more } = first(toldOnce(summary.refused), limit)
  if (shown.length === 0) return []
  const { title, mixed } = refusedTitle(shown)
  const rows = shown.map(row => [
    ...(mixed ? [row.verdict === 'deny' ? 'refused' : 'would be'] : []),
    code(target(row.host, row.ports)),
    plain(why(row)),
    attempts(row),
    row.example === undefined ? plain(methods(row.methods)) : code(row.example),
    row.processes.slice(0, 2).map(code).join(', '),
  ])
  const columns = [...(mixed ? [''] : []), 'destination', 'why', 'tried', 'request', 'by']
  return [`### ${title}`, '', ...table(columns, rows), ...rest(more)]
}

function suggestions(summary: Summary): string[] {
  const { shown, more } = first(summary.suggestions, limit)
  if (shown.length === 0) return []
  return [
    'To allow what was refused, if you want it:',
    '',
    '```yaml',
    'allow:',
    ...shown.map(line => `  ${fenced(yamlItem(line))}`),
    '```',
    ...rest(more),
  ]
}

function findings(summary: Summary): string[] {
  if (summary.findings.length === 0) return []
  const { shown, more } = first(summary.findings, limit)
  const lines = shown.map(row => {
    const by = row.process === undefined ? '' : `, by ${code(row.process)}`
    const facts = `${plain(findingMeaning(row))} (${plural(row.count, 'time')}${by})`
    const told = [facts, ...findingRemedies(row).map(plain)].join(', ')
    return `- ${row.host === undefined ? '' : `${code(row.host)}: `}${told}`
  })
  return ['### Findings', '', ...lines, ...rest(more)]
}

function reached(summary: Summary): string[] {
  const { shown, more } = first(summary.reached, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    code(target(row.host, row.ports)),
    activity(row),
    plain(methods(row.methods)),
    bytes(row.bytesSent),
    bytes(row.bytesReceived),
    row.processes.map(code).join(', '),
  ])
  return ['### Reached', '', ...table(['host', 'flows', 'methods', 'sent', 'received', 'by'], rows), ...rest(more)]
}

function unseen(summary: Summary): string[] {
  const { shown, more } = first(summary.unseen, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    code(target(row.host, row.port === undefined ? [] : [row.port])),
    plain(row.protocol),
    number(row.connections),
    bytes(row.bytesSent),
    bytes(row.bytesReceived),
  ])
  const columns = ['destination', 'protocol', 'connections', 'sent', 'received']
  return ['### Passed without looking inside', '', ...table(columns, rows), ...rest(more)]
}

function failures(summary: Summary): string[] {
  const { shown, more } = first(summary.failures, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [row.host === undefined ? '' : code(row.host), code(row.error), number(row.count)])
  return ['### Did not work', '', ...table(['host', 'error', 'times'], rows), ...rest(more)]
}

function processes(summary: Summary): string[] {
  const { shown, more } = first(summary.processes, limit)
  if (shown.length === 0) return []
  const rows = shown.map(row => [
    code(row.process),
    number(row.allow),
    number(row.observe),
    number(row.deny),
    bytes(row.bytesSent),
    bytes(row.bytesReceived),
  ])
  return [
    '### By process',
    '',
    ...table(['process', 'allowed', 'observed', 'refused', 'sent', 'received'], rows),
    ...rest(more),
  ]
}

function foot(summary: Summary): string[] {
  const sentence = plain(logSentence(summary.log))
  const hash = summary.log.head === undefined ? '' : ` Head: ${code(summary.log.head)}`
  return [isWhole(summary) ? `${sentence}${hash}` : `**${sentence}**${hash}`]
}
