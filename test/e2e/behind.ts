import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../lab/lab.ts'
import type { Finished } from '../lab/program.ts'
import { checkRecord, type Line, type SummaryFile } from './record-check.ts'
import { assertValidLog } from '../schema.ts'

/** The program under test. */
export const tidegate = fileURLToPath(new URL('../../bin/tidegate', import.meta.url))

/** One job, and what it runs behind. */
export interface Behind {
  /** The text of the policy file. */
  readonly policy: string
  readonly command: readonly [string, ...(readonly string[])]
  /** Added to what the lab's host has; the lab's CA is already there. */
  readonly env?: Readonly<Record<string, string>>
  /** Further options of `tidegate run`. */
  readonly options?: readonly string[]
  /** Default 60,000. */
  readonly timeoutMs?: number
}

/** A job that has ended, and its record, checked. */
export interface Outcome extends Finished {
  /** Every line of the log: valid by the schema, chained, sealed. */
  readonly lines: readonly Line[]
  readonly summary: SummaryFile
  /** Where the record is. */
  readonly out: string
}

let runs = 0

/**
 * Runs a command behind the gateway on the lab's host. The record of it is checked before this returns: valid, intact,
 * and its summary adds up to its lines.
 * @throws Error when `tidegate run` gave no record, or one that does not hold
 */
export async function runBehind(lab: Lab, job: Behind): Promise<Outcome> {
  runs += 1
  const dir = lab.file(`run-${runs}`)
  mkdirSync(dir)
  writeFileSync(`${dir}/policy.yaml`, job.policy)
  const out = `${dir}/out`
  const options = ['--policy', `${dir}/policy.yaml`, '--out', out, ...(job.options ?? [])]
  const finished = await lab.host.exec(tidegate, ['run', ...options, '--', ...job.command], {
    cwd: dir,
    timeoutMs: job.timeoutMs ?? 60_000,
    ...(job.env === undefined ? {} : { env: job.env }),
  })
  if (finished.timedOut || finished.exitCode === 125 || !existsSync(out))
    throw new Error(`tidegate run: exit ${finished.exitCode ?? 'too late'}\n${finished.stderr}`)
  await assertValidLog(`${out}/egress.ndjson`)
  const log = readFileSync(`${out}/egress.ndjson`, 'utf8')
  const lines = log
    .split('\n')
    .slice(0, -1)
    .map((line): Line => JSON.parse(line))
  const summary: SummaryFile = JSON.parse(readFileSync(`${out}/summary.json`, 'utf8'))
  checkRecord(lines, summary)
  const verified = await lab.host.exec(tidegate, ['verify', `${out}/egress.ndjson`])
  if (verified.exitCode !== 0) throw new Error(`tidegate verify: ${verified.stderr}`)
  return { ...finished, lines, summary, out }
}

/** A policy in block mode with these lines under `allow`; further text goes below. */
export function blockPolicy(allow: readonly string[], further = ''): string {
  const list = allow.length === 0 ? ' []' : `\n${allow.map(rule => `  - ${rule}\n`).join('')}`
  return `version: 1\nmode: block\nallow:${list.trimEnd()}\n${further}`
}

/** Audit with nothing allowed: every flow is an observation. */
export const auditPolicy = 'version: 1\nmode: audit\nallow: []\n'
