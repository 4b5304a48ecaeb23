import type { Samples } from './samples.ts'
import { judge } from './targets.ts'

interface Column {
  readonly title: string
  readonly metric: string
  readonly digits: number
}

interface Table {
  readonly title: string
  readonly note: string
  readonly columns: readonly Column[]
}

const tables: readonly Table[] = [
  {
    title: 'HTTP/1.1, 1 KiB answers, kept connections',
    note: 'Requests a second and CPU µs per request of the whole gateway at 1, 32 and 500 connections; p99 in ms at 32.',
    columns: [
      ...[1, 32, 500].flatMap(count => [
        column(`c=${count} req/s`, `h1.c${count}.rate`),
        column('µs/req', `h1.c${count}.cpu`, 1),
      ]),
      column('p99 ms', 'h1.c32.p99', 1),
    ],
  },
  {
    title: 'HTTP/2 and handshakes',
    note: 'HTTP/2: 4 connections with 8 streams each, 1 KiB answers. Handshakes: connections with one request each.',
    columns: [
      column('h2 req/s', 'h2.rate'),
      column('µs/req', 'h2.cpu', 1),
      column('handshakes/s', 'handshakes.rate'),
      column('µs each', 'handshakes.cpu'),
    ],
  },
  {
    title: 'Bulk, 100 MiB',
    note: 'MB a second, and CPU ms per MB of the whole gateway.',
    columns: [
      column('down', 'bulk.down'),
      column('ms/MB', 'bulk.down.cpu', 2),
      column('up', 'bulk.up'),
      column('ms/MB', 'bulk.up.cpu', 2),
      column('down, h2', 'bulk.h2down'),
      column('ms/MB', 'bulk.h2down.cpu', 2),
    ],
  },
  {
    title: 'First contact and memory',
    note: 'First contact: a gateway just started and a name it has not seen, DNS included, ms. Memory: resident, MiB; `slow` is what a reader of 64 MB/s adds during 1 GiB.',
    columns: [
      column('first, median', 'first.median', 1),
      column('worst', 'first.worst', 1),
      column('idle', 'memory.idle'),
      column('slow', 'memory.slow', 1),
      column('500 connections', 'memory.c500'),
    ],
  },
  {
    title: 'DNS',
    note: 'CPU µs per question and questions a second, A and AAAA of each name.',
    columns: ['denied', 'cached', 'forwarded'].flatMap(kind => [
      column(`${kind} µs`, `dns.${kind}.cpu`, 1),
      column('/s', `dns.${kind}.rate`),
    ]),
  },
  {
    title: 'Start',
    note: 'From the start of `tidegate run`, ms.',
    columns: [column('wire proved', 'start.proved'), column('command runs', 'start.command')],
  },
  {
    title: 'Many jobs on one gateway',
    note: '`tidegate serve`: from the start of `sidecar-init link` until the wire is proved, ms; resident MiB without a job and with 20 at rest, and the CPU ms a second those use.',
    columns: [
      column('wire, p50', 'jobs.p50'),
      column('p99', 'jobs.p99'),
      column('no job', 'jobs.empty'),
      column('20 jobs', 'jobs.held'),
      column('CPU', 'jobs.cpu'),
    ],
  },
  {
    title: 'Source integrity',
    note: 'With `integrity` and without: seconds that a job takes to write files of 1 KiB, and CPU that it uses. In memory 100,000, on disk 10,000; into a folder of outputs (apart) and beside a tenth as many tracked sources (among).',
    columns: ['memory', 'disk'].flatMap(disk =>
      ['apart', 'among'].flatMap(place => [
        column(`${disk}, ${place}`, `integrity.${disk}.${place}`, 2),
        column('CPU', `integrity.${disk}.${place}.cpu`, 2),
      ]),
    ),
  },
  {
    title: 'Decisions and the record',
    note: 'Nanoseconds: a decision of the slowest kind, by the number of rules; a line of the record, from flow to file.',
    columns: [
      ...[10, 1_000, 10_000].map(count => column(`${count} rules`, `policy.${count}`)),
      column('record line', 'record.ns'),
    ],
  },
]

/** Everything that was measured, as Markdown. */
export function renderTables(samples: Samples): string {
  return [renderTargets(samples), ...tables.map(table => renderTable(table, samples))].filter(Boolean).join('\n\n')
}

function renderTargets(samples: Samples): string {
  const verdicts = judge(samples)
  if (verdicts.length === 0) return ''
  const rows = verdicts.map(({ what, bound, limit, unit, measured, holds }) => [
    what,
    `${bound} ${limit} ${unit}`,
    Number.isFinite(measured) ? `${measured.toFixed(unit === '×' ? 2 : 1)} ${unit}` : '–',
    holds ? 'yes' : '**no**',
  ])
  return `### Targets\n\n${renderRows(['what', 'target', 'measured', 'holds'], rows)}`
}

function renderTable({ title, note, columns }: Table, samples: Samples): string {
  const contenders = [...new Set(columns.flatMap(({ metric }) => samples.contenders(metric)))]
  if (contenders.length === 0) return ''
  const footnotes: string[] = []
  const cell = ({ metric, digits }: Column, contender: string): string => {
    const figure = samples.median(metric, contender)?.toFixed(digits) ?? '–'
    const [why] = samples.failures(metric, contender)
    if (why === undefined) return figure
    const failed = samples.failures(metric, contender).length
    const footnote = `${contender}: ${failed} of ${samples.rounds(metric, contender)} rounds failed: ${why}`
    if (!footnotes.includes(footnote)) footnotes.push(footnote)
    return `${figure} [${footnotes.indexOf(footnote) + 1}]`
  }
  const rows = contenders.map(contender => [contender, ...columns.map(column => cell(column, contender))])
  const table = renderRows(['', ...columns.map(({ title: heading }) => heading)], rows)
  const notes = footnotes.map((footnote, index) => `[${index + 1}] ${footnote}`)
  return [`### ${title}`, note, table, ...notes].join('\n\n')
}

/** Cells padded to the width of their column, as prettier would. */
function renderRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(3, title.length, ...rows.map(row => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const rule = `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

function column(title: string, metric: string, digits = 0): Column {
  return { title, metric, digits }
}
