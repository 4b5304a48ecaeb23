import process from 'node:process'
import { outerEnvironment } from './cli/outer-environment.ts'
import { program } from './cli/program.ts'

// The entry holds the signals and nothing else. SIGHUP too: a closed terminal must not leave a wire behind.
const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort(name))

// A fault that nobody caught leaves us in an unknown state: what is protected ends now, and the record says why.
const faulty = new AbortController()
process.on('uncaughtException', cause => {
  process.stderr.write(`tidegate: internal error: ${cause instanceof Error ? cause.stack : String(cause)}\n`)
  if (faulty.signal.aborted) process.exit(125)
  faulty.abort(cause)
})

// Who does not listen to us any more (`2>&1 | head`) is told nothing more: that is no fault, and nothing to end a build for.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

process.exitCode = await program(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: outerEnvironment(process.env),
  cwd: process.cwd(),
  signal: stopping.signal,
  fault: faulty.signal,
})

// All is said and written. Whatever still holds the event loop must not hold the pipeline that waits for us.
setTimeout(() => process.exit(), 2_000).unref()
