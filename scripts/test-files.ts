// Runs files of tests, several at a time, as one TAP. (`tap run` sorts files by their names: at the end one ran on alone for a minute.)
//   test-files.ts JOBS FILE…
import { argv, env, execPath } from 'node:process'
import t from 'tap'

/** For a file, and all that is in it, that does not ask for another, in seconds. */
const timeLimit = 240

/** Begun before all others, the longest first. */
const longest = [
  'test/e2e/memory.test.ts',
  'test/e2e/integrity-clean.test.ts',
  'test/e2e/integrity.test.ts',
  'test/e2e/clean-gradle.test.ts',
  'test/e2e/clean-maven.test.ts',
  'test/netns/lifecycle.test.ts',
  'test/netns/attest.test.ts',
  'test/netns/bypass-network-alive.test.ts',
  'test/netns/lifecycle-surroundings.test.ts',
  'test/netns/packet-alive.test.ts',
  'test/gateway/integrity/engine.test.ts',
]

const [, , jobs = '1', ...files] = argv
const rankOf = (file: string): number => (longest.includes(file) ? longest.indexOf(file) : longest.length)

// Only files have limits.
t.setTimeout(0)
t.jobs = Number(jobs)
for (const file of files.toSorted((one, other) => rankOf(one) - rankOf(other)))
  void t.spawn(execPath, [file], {
    name: file,
    buffered: t.jobs > 1,
    timeout: timeLimit * 1_000,
    env: { ...env, TAP_TIMEOUT: String(timeLimit) },
  })
