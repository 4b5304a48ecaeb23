import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { runBehind, type Behind, type Outcome } from '../e2e/behind.ts'
import type { Line } from '../e2e/record-check.ts'
import type { Lab } from '../lab/lab.ts'

/** The attacks, as a program of the job. */
export const attackFile = fileURLToPath(new URL('network-attacks.py', import.meta.url))

/** What must hold of one attack, beside that nothing got out. */
export interface Expected {
  /** What the attack was told: a value, or a pattern of text. */
  readonly told?: unknown
  /** Facts of a line that the log must have. Each attack has an address of its own, which is called TARGET. */
  readonly line?: Partial<Line>
}

/** Ids of bypasses.md and a sentence; the attack; what must hold. */
export type Attack = readonly [sentence: string, attack: string, expected: Expected]

/** The command of a job that tries attacks one after the other. */
export function trying(attacks: readonly string[]): Behind['command'] {
  return ['python3', attackFile, ...attacks]
}

/** What each attack was told, in order. */
export function toldBy(stdout: string): readonly unknown[] {
  return stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}

/** The address that the attack of this number sends to. */
export function targetOf(index: number): string {
  return `203.0.113.${100 + index}`
}

/** Tries all attacks in one job, and checks what each was told and what the log says of it. */
export async function tryAll(
  t: Test,
  lab: Lab,
  policy: string,
  list: readonly Attack[],
  further: Pick<Behind, 'options' | 'env'> = {},
): Promise<Outcome> {
  const outcome = await runBehind(lab, { policy, command: trying(list.map(([, attack]) => attack)), ...further })
  const told = toldBy(outcome.stdout)
  t.equal(told.length, list.length, outcome.stderr)
  for (const [index, [sentence, attack, expected]] of list.entries()) {
    await t.test(`${sentence}: ${attack}`, async t => {
      if ('told' in expected) t.match(told[index], expected.told)
      else t.not(told[index], undefined, 'it was tried')
      if (expected.line === undefined) return
      const line = expected.line.address === 'TARGET' ? { ...expected.line, address: targetOf(index) } : expected.line
      t.ok(outcome.lines.some(matching(line)), `the log has ${JSON.stringify(line)}`)
    })
  }
  return outcome
}

/** Does a line have these facts? */
export function matching(facts: Partial<Line>): (line: Line) => boolean {
  return line => Object.entries(facts).every(([key, value]) => Reflect.get(line, key) === value)
}
