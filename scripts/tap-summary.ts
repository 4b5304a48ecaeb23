// Reads one TAP output and prints what a person needs: a line a file, failures in full, and last `N passed, N failed`.
// A skip counts as a failure when TIDEGATE_REQUIRE_ALL=1 (but `not on this machine`); so does a runner that ended badly without saying why.
//   tap-summary.ts LOG RUNNER_STATUS
import { readFileSync } from 'node:fs'
import { argv, env, stdout } from 'node:process'

const [, , file = '', status = '1'] = argv
const lines = readFileSync(file, 'utf8').split('\n')

const counted = /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?(?:, todo: (\d+))?(?:, skip: (\d+))? \}/
const totals = lines.map(line => counted.exec(line)).findLast(match => match !== null)
const [pass, fail, todo, skip] = [2, 3, 4, 5].map(group => Number(totals?.[group] ?? 0))
// Toolchains of languages are tested where a machine has them; nobody must install them.
const excused = lines.filter(line => /^\s*ok \d+ .*# SKIP not on this machine/.test(line)).length
const skips = Math.max(0, (skip ?? 0) + (todo ?? 0) - excused)

for (const line of lines) if (/^(?:not )?ok \d+ - test\//.test(line)) stdout.write(`${line}\n`)
// A `#` behind a backslash is part of a name: the name may quote another TAP.
for (const line of lines) if (/(?<!\\)# (?:SKIP|TODO)/i.test(line)) stdout.write(`  skipped: ${line.trim()}\n`)

const failing = lines.flatMap((line, index) => (/^\s*not ok /.test(line) ? [index] : []))
for (const index of failing) {
  const indent = /^\s*/.exec(lines[index] ?? '')?.[0].length ?? 0
  stdout.write(`${lines[index]}\n`)
  for (const detail of lines.slice(index + 1, index + 60)) {
    stdout.write(`${detail}\n`)
    if (detail.startsWith(`${' '.repeat(indent)}  ...`)) break
  }
}

const required = env['TIDEGATE_REQUIRE_ALL'] === '1'
if (skips > 0) stdout.write(`${skips} skipped${required ? ' (counted as failures: TIDEGATE_REQUIRE_ALL=1)' : ''}\n`)
let failed = (fail ?? 0) + (required ? skips : 0)
if (totals === undefined || (failed === 0 && status !== '0' && skips === 0)) {
  stdout.write(`the test runner ended with status ${status}:\n${lines.slice(-40).join('\n')}\n`)
  failed += 1
}
stdout.write(`${pass ?? 0} passed, ${failed} failed\n`)
