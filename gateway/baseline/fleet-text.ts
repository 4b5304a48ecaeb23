import { bytes, plural } from '../record/report/words.ts'
import type { Fleet, FleetFinding } from './fleet.ts'

const headings = {
  suspicious: 'Suspicious',
  infrastructure: 'Infrastructure',
} as const

/** The fleet's findings for a terminal. Pure. */
export function renderFleet({ jobs, runs, findings, notCompared }: Fleet): string {
  const parts = [`${plural(runs, 'run')} of ${plural(jobs, 'job')}; ${plural(findings.length, 'new host')}\n`]
  for (const kind of ['suspicious', 'infrastructure'] as const) {
    const own = findings.filter(finding => finding.class === kind)
    if (own.length > 0) parts.push(`\n${headings[kind]}\n${own.map(renderFinding).join('')}`)
  }
  if (notCompared.length > 0)
    parts.push(`\nNot compared, as there is one run and no baseline: ${listText(notCompared)}\n`)
  return parts.join('')
}

function renderFinding(finding: FleetFinding): string {
  const { host, jobs, of, firstAt, note, programs, bytesSent, refused } = finding
  const by = programs.length === 0 ? '' : ` · by ${listText(programs)}`
  const what = refused ? 'nothing got through' : `${bytes(bytesSent)} sent`
  return `  ${host}  ${jobs.length} of ${plural(of, 'job')}  since ${firstAt}
      ${note}
      ${listText(jobs)}${by} · ${what}
`
}

function listText(all: readonly string[]): string {
  return all.length > 4 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ')
}
