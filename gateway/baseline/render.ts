import { isStable, type JobBaseline, type Lock, quietRuns, type Row } from './lock.ts'

const head = `# What the jobs of this pipeline need of the network, learned from their logs (docs/baseline.md).
# Made by \`tidegate lock update LOG…\`. Review a change of it like code: each line under \`endpoints\` is a way out.
# A line may be deleted, and may have a \`note: "…"\`; other comments are not kept.
`

/** The text of `egress.lock`: sorted, a line for each endpoint, the same for the same lock. Pure. */
export function renderLock(lock: Lock): string {
  const jobs = [...lock.jobs].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const list = jobs.map(([name, job]) => renderJob(name, job, lock)).join('')
  return `${head}version: 1\nstableAfter: ${lock.stableAfter}\njobs:${jobs.length === 0 ? ' {}' : ''}\n${list}`
}

/** Unix seconds as the file has them. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z')
}

/** Where a row leads, as the file has it: `npm.acme.example:443`, `udp://time.example.com:123`, a bare name for `ask`. */
export function placeText({ transport, host, port }: Pick<Row, 'transport' | 'host' | 'port'>): string {
  if (port === undefined) return host
  return `${transport === 'udp' ? 'udp://' : ''}${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The same of a row: a pattern that stands for one name so far is that name. */
export function rowPlace(row: Row): string {
  const [only, ...more] = row.only ?? []
  return placeText(only === undefined || more.length > 0 ? row : { ...row, host: only })
}

/** How settled the baseline of a job is, in words. */
export function settledText(job: JobBaseline, lock: Lock): string {
  const quiet = quietRuns(job)
  if (quiet === 0) return 'still learning: the latest run brought something new'
  const since = `nothing new in the latest ${quiet === 1 ? 'run' : `${quiet} runs`}`
  return `${isStable(job, lock) ? 'stable' : 'still learning'}: ${since}`
}

function renderJob(name: string, job: JobBaseline, lock: Lock): string {
  const endpoints = job.rows.map(row => `      - ${renderRow(row, job)}\n`).join('')
  const recent = job.recent.map(({ start, id }) => `      - ${timeText(start)} ${id}\n`).join('')
  return `  ${keyText(name)}:
    # ${settledText(job, lock)}
    runs: ${job.runs}
    first: ${timeText(job.first)}
    last: ${timeText(job.last)}
    endpoints:${endpoints === '' ? ' []' : ''}
${endpoints}    recent:${recent === '' ? ' []' : ''}
${recent}`
}

function renderRow(row: Row, job: JobBaseline): string {
  const fields = [
    `to: ${valueText(rowPlace(row))}`,
    ...(row.only === undefined || row.only.length === 1 ? [] : [`only: [${row.only.map(valueText).join(', ')}]`]),
    `does: ${row.does}`,
    ...(row.by === undefined ? [] : [`by: ${valueText(row.by)}`]),
    // Most rows: their lines stay as they are from update to update.
    ...(row.runs === job.runs && row.first === job.first && row.last === job.last
      ? ['seen: every run']
      : [`first: ${timeText(row.first)}`, `last: ${timeText(row.last)}`, `runs: ${row.runs}`]),
    ...(row.note === undefined ? [] : [`note: ${JSON.stringify(row.note)}`]),
  ]
  return `{ ${fields.join(', ')} }`
}

/** Plain where YAML reads it as this text and no other; else in double quotes, as JSON is YAML. */
function valueText(text: string): string {
  return /^[A-Za-z/][A-Za-z0-9/._:+*@-]*$/.test(text) && !text.endsWith(':') && !isWord(text)
    ? text
    : JSON.stringify(text)
}

function keyText(text: string): string {
  return /^[A-Za-z][A-Za-z0-9._-]*$/.test(text) && !isWord(text) ? text : JSON.stringify(text)
}

function isWord(text: string): boolean {
  return /^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
}
