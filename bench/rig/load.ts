/** What `wrk --latency` measured. */
export interface WrkResult {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers other than 2xx and 3xx, and socket errors: a run with any is worth nothing. */
  readonly bad: number
}

/** Reads the report of `wrk --latency`. @throws Error when it is none */
export function parseWrk(report: string): WrkResult {
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report)
  const socketErrors = (errors ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0)
  return {
    requests: number(/(\d+) requests in/, report),
    perSecond: number(/Requests\/sec:\s+([\d.]+)/, report),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/, report),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/, report),
    bad: Number(/Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1] ?? 0) + socketErrors,
  }
}

/** What `h2load` measured. */
export interface H2loadResult {
  /** Answers 2xx. */
  readonly answered: number
  readonly failed: number
  readonly perSecond: number
  /** `h2`, `http/1.1` */
  readonly protocol: string
}

/** Reads the report of `h2load`. @throws Error when it is none */
export function parseH2load(report: string): H2loadResult {
  return {
    answered: number(/(\d+) 2xx/, report),
    failed: number(/(\d+) failed/, report) + number(/(\d+) errored/, report),
    perSecond: number(/finished in [\d.]+\w+, ([\d.]+) req\/s/, report),
    protocol: /Application protocol: (\S+)/.exec(report)?.[1] ?? 'none',
  }
}

/** What curl says with `curlFormat`. */
export interface CurlResult {
  readonly status: number
  readonly httpVersion: string
  readonly bytes: number
  readonly seconds: number
}

/** For `--write-out`. */
export const curlFormat = '%{http_code} %{http_version} %{size_download} %{size_upload} %{time_total}\\n'

/** Reads lines of `curlFormat`. @throws Error when there is none */
export function parseCurl(report: string): readonly CurlResult[] {
  const line = /^(\d{3}) (\S+) (\d+) (\d+) ([\d.]+)$/gm
  const results = [...report.matchAll(line)].map(([, status, httpVersion = '', down, up, seconds]) => ({
    status: Number(status),
    httpVersion,
    bytes: Number(down) + Number(up),
    seconds: Number(seconds),
  }))
  if (results.length === 0) throw new Error(`not a report of curl: ${report}`)
  return results
}

/** What `dnsperf` measured. */
export interface DnsperfResult {
  readonly completed: number
  readonly lost: number
  readonly perSecond: number
  /** How often each, e.g. `NXDOMAIN`. */
  readonly rcodes: Readonly<Record<string, number>>
}

/** Reads the report of `dnsperf`. @throws Error when it is none */
export function parseDnsperf(report: string): DnsperfResult {
  const codes = /Response codes:\s+(.*)/.exec(report)?.[1] ?? ''
  return {
    completed: number(/Queries completed:\s+(\d+)/, report),
    lost: number(/Queries lost:\s+(\d+)/, report),
    perSecond: number(/Queries per second:\s+([\d.]+)/, report),
    rcodes: Object.fromEntries([...codes.matchAll(/([A-Z]+) (\d+)/g)].map(([, name, count]) => [name, Number(count)])),
  }
}

function number(pattern: RegExp, report: string): number {
  const text = pattern.exec(report)?.[1]
  if (text === undefined) throw new Error(`${String(pattern)} is not in: ${report}`)
  return Number(text)
}

function milliseconds(pattern: RegExp, report: string): number {
  const match = pattern.exec(report)
  if (match === null) throw new Error(`${String(pattern)} is not in: ${report}`)
  return Number(match[1]) * (match[2] === 'us' ? 0.001 : match[2] === 's' ? 1_000 : 1)
}
