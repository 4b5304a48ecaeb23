import { mkdirSync, rmSync } from 'node:fs'
import type { Test } from 'tap'
import type { Lab } from '../lab/lab.ts'
import { blockPolicy, type Outcome, runBehind, tidegate } from './behind.ts'

/** A build that does nothing wrong, as its pipeline runs it again and again. */
export interface QuietBuild {
  readonly lab: Lab
  readonly name: string
  readonly allow: readonly string[]
  /** Folder of the sources. */
  readonly workspace: string
  readonly script: string
  /** Folders that are not there yet when a pipeline begins: removed before each run. */
  readonly fresh?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** All that looks on, and what it finds is refused. */
const everything = (
  workspace: string,
): string => `packages: { minimumAgeDays: 30, unknownAge: deny, installScripts: deny }
integrity: { workspace: ${workspace} }
tokens: { pin: true }
canaries: true
`

/** Runs it twice in block mode, everything looking on: once to learn what it does, then held to that. Nothing may be told. */
export async function itIsQuiet(test: Test, build: QuietBuild): Promise<readonly Outcome[]> {
  const { lab, name, allow, workspace, script } = build
  const lock = lab.file(`${name}.lock`)
  const runs: Outcome[] = []
  for (const options of [[], ['--lock', lock, '--frozen']]) {
    for (const folder of build.fresh ?? []) rmSync(folder, { recursive: true, force: true })
    const home = lab.file(`${name}-home-${runs.length}`)
    mkdirSync(home)
    const run = await runBehind(lab, {
      policy: blockPolicy(allow, everything(workspace) + (options.length === 0 ? '' : 'anomalies: deny\n')),
      command: ['sh', '-ec', script],
      env: { ...build.env, HOME: home },
      options: ['--job', name, ...options],
      timeoutMs: 180_000,
    })
    const what = `${name}, run ${runs.length + 1}`
    test.equal(run.exitCode, 0, `${what}: ${run.stdout.slice(-3_000)} ${run.stderr.slice(-3_000)}`)
    test.strictSame(
      run.lines.filter(({ event }) => event === 'anomaly' || event === 'canary').map(({ details }) => details),
      [],
      `${what}: no alarm`,
    )
    test.strictSame(
      run.lines.filter(({ verdict }) => verdict === 'deny').map(({ host, path, rule }) => [host, path, rule]),
      [],
      `${what}: nothing refused`,
    )
    test.ok(
      run.lines.some(({ event }) => event === 'checkpoint'),
      `${what}: its sources were watched`,
    )
    const updated = await lab.host.exec(tidegate, ['lock', 'update', '--lock', lock, run.out])
    test.equal(updated.exitCode, 0, updated.stderr)
    runs.push(run)
  }
  return runs
}
