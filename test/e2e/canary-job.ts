import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { makeDecoys } from '../../gateway/canary/decoys.ts'
import type { Lab } from '../lab/lab.ts'
import type { Service } from '../lab/servers/internet-offer.ts'
import { auditPolicy, blockPolicy, runBehind, type Outcome } from './behind.ts'
import type { Line } from './record-check.ts'

/** Of the lab: what the hosts of these policies need. */
export const services: readonly Service[] = ['origins', 'websocket']

const hosts = [
  'wss://ws.acme.test',
  'api.acme.test',
  '"**.acme.test"',
  '"**.evil.test"',
  'h1.acme.test',
  'tcp://other.acme.test:7',
  'udp://other.acme.test:5000',
]

/** In block mode, with canaries. */
export const block = blockPolicy(hosts, 'canaries: true\n')
/** In audit mode, with canaries. */
export const audit = `${auditPolicy}canaries: true\n`

let homes = 0

/** Runs a script in a home of its own. */
export async function job(lab: Lab, policy: string, script: string): Promise<Outcome & { readonly home: string }> {
  homes += 1
  const home = lab.file(`home-${homes}`)
  mkdirSync(home)
  writeFileSync(`${home}/steal.sh`, `${script}\n`)
  const outcome = await runBehind(lab, { policy, command: ['sh', `${home}/steal.sh`], env: { HOME: home } })
  return { ...outcome, home }
}

/** The lines that tell of a canary, with which one it is and where it was seen. */
export function sightings(
  lines: readonly Line[],
): readonly (Line & { readonly subject: unknown; readonly note: string })[] {
  return lines
    .filter(({ event }) => event === 'canary')
    .map(line => ({ ...line, subject: line.details?.['subject'], note: String(line.details?.['note']) }))
}

/** What a job had, made again from its record. */
export function decoysOf(out: string): ReturnType<typeof makeDecoys> {
  const { seed } = JSON.parse(readFileSync(`${out}/canaries.json`, 'utf8'))
  return makeDecoys(Buffer.from(String(seed), 'hex'))
}
