// The rig of the replays: an attack as its public reports tell it, against faked hosts in the lab, once in audit (seen,
// named, attributed, and it works: the oracle is alive) and once in block (stopped, nothing arrived). A replay is a file
// beside this one that names its page of docs/incidents/, and a row of the README there:
//
//   const incident: Incident<'build'> = {
//     attacker: ['upload.attacker.test'],            // names that live in the sink; `*.zone.test` may be given
//     honest: ['files.example.com'],                 // names on the lab's own origins; answer with lab.origins.script
//     spoils: ['AKIA-THE-SECRET'],                    // what must not get out, as the attack sends it
//     policy: 'allow:\n  - GET files.example.com\n', // what stops it; version and mode are put before it
//     steps: { build: 'curl …' },                     // shell; each in $WORK, see steps.ts
//   }
//   await t.test('…', { skip: whyNoLab() }, async t => {
//     await using lab = await openLab()
//     await t.test('in audit', async t => {
//       const run = await replay(lab, incident, 'audit')
//       await itWorked(t, lab, incident)
//       itIsTold(t, run, { host: 'upload.attacker.test', exe: /curl$/, reason: 'no-rule', verdict: 'observe' })
//     })
//     await t.test('in block', async t => {
//       const run = await replay(lab, incident, 'block')
//       await itWasStopped(t, lab, incident)
//       itIsTold(t, run, { host: 'upload.attacker.test', exe: /curl$/, reason: 'no-rule', verdict: 'deny' })
//     })
//   })
//
// What goes to an honest host (a gist, a repository made with a stolen token) is no spoil of the sink: look for it with
// lab.origins.requests. Findings (alarms, canaries) are in run.findings.
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import type { Lab } from '../../lab/lab.ts'
import { tidegate } from '../behind.ts'
import type { Line } from '../record-check.ts'
import { runSteps, type StepResult } from '../steps.ts'

/** An attack, and the policy that the attacked could have had. */
export interface Incident<Step extends string> {
  /** The attacker's names. In the lab they live in the sink, where all that arrives is kept. */
  readonly attacker: readonly string[]
  /** Names of others, faked on the lab's origins. */
  readonly honest?: readonly string[]
  /** Bytes that must not get out, as the attack sends them. */
  readonly spoils: readonly string[]
  /** The policy without `version` and `mode`. */
  readonly policy: string
  /** What the job does, one step after another. */
  readonly steps: Readonly<Record<Step, string>>
  readonly env?: Readonly<Record<string, string>>
  /** Further options of `tidegate run`. */
  readonly options?: readonly string[]
}

/** A finding of the summary, as far as replays read it. */
export interface ToldFinding {
  readonly kind: string
  readonly note?: string
  readonly subject?: string
  readonly host?: string
  readonly process?: string
}

/** A replay that has ended. */
export interface Replayed<Step extends string> {
  /** Every line of the log; valid, chained and sealed. */
  readonly lines: readonly Line[]
  readonly findings: readonly ToldFinding[]
  /** The report that `run` wrote beside the log. */
  readonly markdown: string
  readonly exitCode: number | undefined
  /** What the job printed: descriptor 3 of a step. */
  readonly stdout: string
  readonly stderr: string
  readonly out: string
  /** Where the steps ran. */
  readonly work: string
  readonly step: (name: Step) => StepResult
}

/** Runs it once; what an earlier run left in the lab is forgotten first. */
export async function replay<Step extends string>(
  lab: Lab,
  { attacker, honest = [], policy, steps, env, options }: Incident<Step>,
  mode: 'audit' | 'block',
): Promise<Replayed<Step>> {
  for (const name of attacker) await lab.serve(name, lab.addresses.attacker)
  for (const name of honest) await lab.serve(name)
  await Promise.all([lab.sink.clear(), lab.origins.clear(), lab.dns.clear(), lab.uplink.clear()])
  const run = await runSteps(lab, {
    policy: `version: 1\nmode: ${mode}\n${policy}`,
    steps,
    ...(env === undefined ? {} : { env }),
    ...(options === undefined ? {} : { options }),
  })
  const { findings }: { readonly findings: readonly ToldFinding[] } = JSON.parse(
    readFileSync(`${run.out}/summary.json`, 'utf8'),
  )
  return { ...run, findings, markdown: readFileSync(`${run.out}/summary.md`, 'utf8') }
}

/** Makes a baseline of a run in which nothing was wrong: the options by which later runs are compared with it. */
export async function baselineOf(lab: Lab, { out }: Pick<Replayed<string>, 'out'>): Promise<readonly string[]> {
  const lock = `${out}/egress.lock`
  const { exitCode, stderr } = await lab.host.exec(tidegate, ['lock', 'update', '--lock', lock, out])
  if (exitCode !== 0) throw new Error(`tidegate lock update: ${stderr}`)
  return ['--lock', lock]
}

/** The attacker has all of the spoils: without this, an empty sink would say nothing. */
export async function itWorked(t: Test, lab: Lab, { spoils, attacker }: Incident<string>): Promise<void> {
  t.not(spoils.length, 0, 'there is something to lose')
  for (const spoil of spoils) t.ok(await reached(lab, attacker, spoil), `the attack works: ${spoil} got out`)
}

/** Nothing reached the attacker: no packet, no question for one of its names, and no spoil left the machine. */
export async function itWasStopped(t: Test, lab: Lab, { spoils, attacker }: Incident<string>): Promise<void> {
  t.strictSame(await lab.sink.lines(), [], 'the sink is empty')
  t.strictSame(await questions(lab, attacker), [], "no question for the attacker's names left")
  for (const spoil of spoils) t.notOk(await lab.uplink.contains(spoil), `${spoil} did not leave the machine`)
}

/** How an act of the attack must be told. */
export interface Told {
  /** A name, or an address where no name was asked for. */
  readonly host: string
  readonly verdict: 'observe' | 'deny'
  readonly reason: string
  readonly rule?: string
  readonly layer?: string
  readonly port?: number
  readonly method?: string
  /** The program that did it. */
  readonly exe: RegExp
  /** One of the programs (paths) above it, where that is what gives it away. */
  readonly parent?: RegExp
  /** What the report calls it, where it tells many as one; else the host. */
  readonly named?: string
}

/** The log has a line for it, with who did it; and the report names the host. */
export function itIsTold(t: Test, run: Pick<Replayed<string>, 'lines' | 'markdown'>, told: Told): void {
  const { exe, parent, host, named = host, ...facts } = told
  const about = run.lines.filter(line => (line.host ?? line.address) === host)
  const same = about.filter(line => {
    const known = new Map<string, unknown>(Object.entries(line))
    return Object.entries(facts).every(([name, value]) => known.get(name) === value)
  })
  t.not(same.length, 0, `told: ${JSON.stringify(facts)} in\n${about.map(line => JSON.stringify(line)).join('\n')}`)
  const by = same.filter(
    ({ process }) =>
      process !== undefined &&
      exe.test(process.exe) &&
      (parent === undefined || process.parents.some(one => parent.test(one))),
  )
  t.not(by.length, 0, `attributed to ${exe} in ${same.map(({ process }) => JSON.stringify(process)).join('\n')}`)
  t.match(run.markdown, named, 'the report names it')
}

/** The lab's resolver answers in place of the attacker's own: a question for its name has reached it. */
async function questions(lab: Lab, attacker: readonly string[]): Promise<readonly string[]> {
  const asked = await lab.dns.queries({})
  const zones = attacker.map(name => name.replace(/^\*\./, ''))
  return asked
    .flatMap(({ name }) => name ?? [])
    .filter(name => zones.some(zone => name === zone || name.endsWith(`.${zone}`)))
}

async function reached(lab: Lab, attacker: readonly string[], spoil: string): Promise<boolean> {
  if (await lab.sink.contains(spoil)) return true
  return (await questions(lab, attacker)).some(name => name.includes(spoil))
}
