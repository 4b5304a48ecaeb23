import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Lab } from '../lab/lab.ts'
import { type Behind, type Outcome, runBehind } from './behind.ts'

/** What one step of a job left behind. */
export interface StepResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A job of several steps, each a shell script with a time limit of its own. */
export interface StepsJob<Name extends string> extends Omit<Behind, 'command'> {
  readonly steps: Readonly<Record<Name, string>>
  /** Seconds for each step; default 30. */
  readonly stepSeconds?: number
}

let jobs = 0

/**
 * Runs steps one after another in a single job: each in the same fresh folder, whose path they get as `$WORK`. A step that
 * fails does not keep the others from running. Descriptor 3 of a step is the job's standard output.
 */
export async function runSteps<Name extends string>(
  lab: Lab,
  { steps, stepSeconds = 30, ...job }: StepsJob<Name>,
): Promise<Outcome & { readonly work: string; readonly step: (name: Name) => StepResult }> {
  jobs += 1
  const work = lab.file(`steps-${jobs}`)
  mkdirSync(`${work}/.steps`, { recursive: true })
  const names = Object.keys(steps)
  for (const [name, script] of Object.entries<string>(steps)) writeFileSync(`${work}/.steps/${name}.sh`, `${script}\n`)
  const driver = [
    `cd '${work}'`,
    `export WORK='${work}'`,
    // What a step prints goes to a file; what it writes here is printed by the job.
    'exec 3>&1',
    `for name in ${names.join(' ')}; do`,
    `  timeout -k 2 ${stepSeconds} sh .steps/$name.sh >.steps/$name.out 2>.steps/$name.err </dev/null`,
    '  echo $? >.steps/$name.code',
    'done',
  ]
  writeFileSync(`${work}/.steps/driver`, `${driver.join('\n')}\n`)
  const outcome = await runBehind(lab, { ...job, command: ['sh', `${work}/.steps/driver`] })
  return {
    ...outcome,
    work,
    step(name) {
      const at = `${work}/.steps/${name}`
      if (!existsSync(`${at}.code`)) throw new Error(`step ${name} did not run\n${outcome.stderr}`)
      return {
        exitCode: Number(readFileSync(`${at}.code`, 'utf8')),
        stdout: readFileSync(`${at}.out`, 'utf8'),
        stderr: readFileSync(`${at}.err`, 'utf8'),
      }
    },
  }
}
