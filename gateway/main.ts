import process from 'node:process'
import { outerEnvironment } from './cli/outer-environment.ts'
import { outerVariable, parseOuterProcess } from './cli/outer-process.ts'
import { program } from './cli/program.ts'
import { takeUpCapabilities } from './packet/own-capabilities.ts'

// The entry holds the signals and nothing else. SIGHUP too: a closed terminal must not leave a wire behind; a daemon takes
// it for something else.
const stopping = new AbortController()
const outer = parseOuterProcess(process.env[outerVariable])
const stopAt = (name: 'SIGHUP' | 'SIGINT' | 'SIGTERM'): void => {
  if (!outer.ignored.includes(name)) stopping.abort(name)
}
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopAt(name))
const endAtHangup = (): void => stopAt('SIGHUP')
let onHangup = endAtHangup
process.on('SIGHUP', () => onHangup())

// A fault that nobody caught leaves us in an unknown state: what is protected ends now, and the record says why.
const faulty = new AbortController()
process.on('uncaughtException', cause => {
  process.stderr.write(`tidegate: internal error: ${cause instanceof Error ? cause.stack : String(cause)}\n`)
  // If it never comes to the end below, or fails before: this was no success.
  process.exitCode = 125
  if (faulty.signal.aborted) process.exit()
  faulty.abort(cause)
})

// Who does not listen to us any more (`2>&1 | head`) is told nothing more: that is no fault, and nothing to end a build for.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

await takeUpCapabilities()
const code = await program(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: outerEnvironment(process.env),
  cwd: process.cwd(),
  outer,
  signal: stopping.signal,
  takeHangups(reload) {
    onHangup = reload
    return { [Symbol.dispose]: () => void (onHangup = endAtHangup) }
  },
  fault: faulty.signal,
})
process.exitCode = code === 0 && faulty.signal.aborted ? 125 : code

// All is said and written. Whatever still holds the event loop must not hold the pipeline that waits for us.
setTimeout(() => process.exit(), 2_000).unref()
