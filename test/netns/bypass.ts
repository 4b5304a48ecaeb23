import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { runBehind, type Behind, type Outcome } from '../e2e/behind.ts'
import type { Line } from '../e2e/record-check.ts'
import type { Lab } from '../lab/lab.ts'
import type { Deed, Orders } from './bypass-deed.ts'

const attacker = fileURLToPath(new URL('bypass-attacker.ts', import.meta.url))

/** The mode of a run. */
export type Mode = 'block' | 'audit'

/** Facts of a log line; each that is given must be equal, or match. */
export type LineFacts = { readonly [Key in keyof Line]?: Line[Key] | RegExp }

/** How an attack ends in one mode. */
export interface Ending {
  /** What the attacker's program must have got. */
  readonly got: RegExp
  /** A line that the log must hold; undefined when nothing is to be said. */
  readonly line?: LineFacts
  /** Whether the attack's loot is seen anywhere outside: at an origin, a resolver, the attacker, on the uplink. */
  readonly arrives: boolean
}

/** One attack. `loot` is a word that nobody else sends: wherever it is seen, this attack got. */
export interface Attack {
  /** Ids of bypasses.md. */
  readonly id: string
  readonly what: string
  readonly does: (loot: string) => Deed
  readonly block: (loot: string) => Ending
  readonly audit: (loot: string) => Ending
}

/** A run of attacks behind one policy. */
export interface Raid {
  readonly attacks: readonly Attack[]
  readonly mode: Mode
  /** Lines under `allow:`. */
  readonly allow: readonly string[]
  /** Text below it: `forbid:`, `private:` … */
  readonly further?: string
  /** Attacks at the same time; default 24. */
  readonly atOnce?: number
  readonly env?: Behind['env']
}

/** Refused in block: what the client is told, and the line. Nothing gets out. */
export function refused(got: RegExp, line: LineFacts): Ending {
  return { got, line: { verdict: 'deny', ...line }, arrives: false }
}

/** Carried in audit, with a line that says that block would refuse it. */
export function observed(got: RegExp, line: LineFacts): Ending {
  return { got, line: { verdict: 'observe', ...line }, arrives: true }
}

/** Honest work that looks odd: it passes. */
export function passes(got: RegExp, line: LineFacts): Ending {
  return { got, line: { verdict: 'allow', ...line }, arrives: true }
}

/** The text of a policy. */
export function policyText(mode: Mode, allow: readonly string[], further = ''): string {
  const list = allow.length === 0 ? ' []' : allow.map(rule => `\n  - ${rule}`).join('')
  return `version: 1\nmode: ${mode}\nallow:${list}\n${further}`
}

let raids = 0

/**
 * Does all attacks of a raid in one job behind the gateway, then holds each against what it got, what the log says, and what
 * was seen outside. In block mode the sink must have seen no packet at all.
 */
export async function raid(t: Test, lab: Lab, it: Raid): Promise<Outcome> {
  const loots = it.attacks.map((_, at) => `loot${raids}x${at}q`)
  raids += 1
  const deeds = it.attacks.map(({ does }, at) => does(loots[at] ?? ''))
  const { outcome, told } = await perform(lab, it, deeds)
  const seen = await whatWasSeen(lab)
  for (const [at, { id, what, [it.mode]: ending }] of it.attacks.entries()) {
    const loot = loots[at] ?? ''
    const { got, line, arrives } = ending(loot)
    t.test(`${id}: ${what} (${it.mode})`, async t => {
      t.match(told[at], got, 'what the attacker got')
      if (line !== undefined) {
        const found = outcome.lines.some(one => hasFacts(one, line))
        t.ok(found, 'the log says it', { wanted: line, near: outcome.lines.filter(one => mentions(one, loot, line)) })
      }
      t.equal(seen(loot), arrives, arrives ? 'it was carried' : 'nothing of it was seen outside')
    })
  }
  if (it.mode === 'block') t.strictSame(await lab.sink.lines(), [], 'the sink saw no packet')
  return outcome
}

/** Does deeds in one job behind the gateway; what each got, in order. */
export async function perform(
  lab: Lab,
  { mode, allow, further, atOnce = 24, env }: Omit<Raid, 'attacks'>,
  deeds: readonly Deed[],
): Promise<{ readonly outcome: Outcome; readonly told: readonly string[] }> {
  const orders: Orders = { deeds, atOnce }
  const file = lab.file(`orders-${raids}.json`)
  writeFileSync(file, JSON.stringify(orders))
  const outcome = await runBehind(lab, {
    policy: policyText(mode, allow, further),
    command: [process.execPath, '--disable-warning=ExperimentalWarning', attacker, file],
    ...(env === undefined ? {} : { env }),
  })
  const told: unknown = outcome.exitCode === 0 ? JSON.parse(outcome.stdout) : undefined
  if (!Array.isArray(told)) throw new Error(`the attacker failed: ${outcome.stdout}${outcome.stderr}`)
  return { outcome, told: told.map(String) }
}

/** Everything that was seen outside, as a question: does this word occur in it? */
export async function whatWasSeen(lab: Lab): Promise<(word: string) => boolean> {
  const [packets, requests, connections, queries, taken, heard] = await Promise.all([
    lab.uplink.packets(),
    lab.origins.requests(),
    lab.origins.connections(),
    lab.dns.queries(),
    lab.sink.requests(),
    lab.sink.connections(),
  ])
  const texts = [
    ...packets.map(({ payload }) => payload.toString('latin1')),
    ...[...requests, ...taken].flatMap(({ target, headers, body }) => [
      target,
      headers.flat().join('\n'),
      Buffer.from(body.bytes).toString('latin1'),
    ]),
    ...[...connections, ...heard].flatMap(({ sni, received }) => [sni ?? '', Buffer.from(received).toString('latin1')]),
    ...queries.map(({ bytes }) => Buffer.from(bytes).toString('latin1')),
  ]
  const all = texts.join('\n').toLowerCase()
  return word => all.includes(word.toLowerCase())
}

/** Does a line have all these facts? */
export function hasFacts(line: Line, facts: LineFacts): boolean {
  return Object.entries(facts).every(([name, wanted]) => {
    const is: unknown = Reflect.get(line, name)
    return wanted instanceof RegExp ? typeof is === 'string' && wanted.test(is) : is === wanted
  })
}

/** For the message of a failed test: lines that may have been meant. */
function mentions(line: Line, loot: string, { path, host, port }: LineFacts): boolean {
  if (JSON.stringify(line).includes(loot)) return true
  return path === undefined && port !== undefined && line.port === port && (host === undefined || line.host === host)
}
